"""Supervisor: ``python -m demo`` starts Redis, the site, and a worker with a beat, and ends them together.

It imports neither Django nor a client of Redis or of WebSockets, which would take more memory than it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from demo import handshake
from demo import options as command_line
from demo.options import MAX_PORT, Options
from demo.processes import Process
from demo.redis_server import RedisServer, RedisUnavailable, start_redis
from demo.staff import PASSWORD, USERNAME

READY_WITHIN = 60.0  # seconds
PORTS_TRIED = 20  # ports after one that is taken
LOOK_EVERY = 0.2  # seconds between two checks of the children
# Bytes of the longest WebSocket message that the server reads. It is longer than a frame of djinsight may be, so that
# djinsight can refuse a longer one with a reason.
MAX_MESSAGE = 65536


class CannotRun(Exception):
    """The demo cannot run; the message is for the user."""


class Stopped(Exception):
    """The user pressed Ctrl-C, or another program sent SIGTERM."""


def main() -> int:
    options = command_line.parse()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ExitStack() as stack:
            run(options, stop, stack)
    except (CannotRun, RedisUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        pass
    return 0


def run(options: Options, stop: threading.Event, stack: ExitStack) -> None:
    """Start all processes, print when they are ready, and wait for the end; ``stack`` ends them in reverse order."""
    if options.cms and find_spec("wagtail") is None:
        raise CannotRun("The blog needs Wagtail: pip install -e '.[wagtail]'.")
    stack.enter_context(_data(options.data))
    _check_port(options)
    redis = start_redis(options.redis, data=options.data)
    stack.callback(redis.stop)
    if redis.warning:
        print(redis.warning, file=sys.stderr)
    print(f"Redis: {redis.kind} at {redis.url}", flush=True)

    environment = _environment(options, redis)

    def start(name: str, *arguments: str, **own: str) -> Process:
        process = Process(name, *arguments, log=options.data / f"{name}.log", environment={**environment, **own})
        stack.callback(process.stop)
        return process

    _finish(start("prepare", "-m", "demo.prepare"), stop)
    if options.history:
        _finish(start("past", "-m", "demo.past", str(options.history)), stop)
    children = [start("worker", "-m", "demo.worker", DEMO_WORKER="1"), start(options.server, *_server(options))]
    _wait_for_socket(options, children, stop)
    print(f"Admin: {options.url}admin/ as {USERNAME}, password {PASSWORD}", flush=True)
    if options.cms:
        print(f"Wagtail: {options.url}cms-admin/ as {USERNAME}, too", flush=True)
    print(f"ready {options.url}", flush=True)
    if options.simulate:
        children.append(start("simulate", "-m", "demo.simulate", options.url, str(options.simulate)))
    while True:
        _look(children, stop)


@contextmanager
def _data(path: Path) -> Iterator[None]:
    """Make the directory of the data, and lock it against other demos within the block."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock: TextIO = (path / "lock").open("w")
    except OSError as error:
        raise CannotRun(f"The data cannot be kept in {path}: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotRun(f"Another demo is running on the data in {path}.") from error
        yield


def _check_port(options: Options) -> None:
    """Refuse a port that is taken, before anything is started."""
    try:
        _bind(options.host, options.port)
    except OSError as error:
        reason = error.strerror or str(error)
        advice = f" Try --port {_free_port(options)}." if error.errno == errno.EADDRINUSE else ""
        raise CannotRun(f"Cannot listen on {options.host}, port {options.port}: {reason}.{advice}") from error


def _free_port(options: Options) -> int:
    """Return one of the next ports, or one that the system chooses if all of them are taken."""
    for port in range(options.port + 1, min(options.port + PORTS_TRIED, MAX_PORT) + 1):
        with suppress(OSError):
            return _bind(options.host, port)
    return _bind(options.host, 0)


def _bind(host: str, port: int) -> int:
    """Listen on the port for a moment, and return its number.

    Raises:
        OSError: If that is not possible.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        bound: int = probe.getsockname()[1]
        return bound


def _environment(options: Options, redis: RedisServer) -> dict[str, str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "demo.settings",
        "DEMO_DATA": str(options.data.resolve()),
        "DEMO_HOSTS": ",".join(_hosts(options)),
        "REDIS_URL": redis.url,
        "PYTHONUNBUFFERED": "1",
    }
    if not options.limits:
        environment["DEMO_NO_LIMITS"] = "1"
    if options.cms:
        environment["DEMO_CMS"] = "1"
    return environment


def _hosts(options: Options) -> list[str]:
    hosts = ["localhost", "127.0.0.1", "[::1]"]
    if options.host in {"0.0.0.0", "::"}:
        name = socket.gethostname()
        hosts += [name, *socket.gethostbyname_ex(name)[2]]
    else:
        hosts.append(options.host)
    return list(dict.fromkeys(hosts))


def _server(options: Options) -> tuple[str, ...]:
    port = str(options.port)
    if options.server == "uvicorn":
        # Frames of djinsight are too short to gain from compression, which takes as long as half of the view.
        sockets = ("--ws", "websockets-sansio", "--ws-max-size", str(MAX_MESSAGE), "--ws-per-message-deflate", "false")
        listen = ("--host", options.host, "--port", port, "--log-level", "warning")
        return ("-m", "uvicorn", *listen, *sockets, "asgi_example:application")
    limits = ("--websocket-max-message-size", str(MAX_MESSAGE), "-v", "0")
    return ("-m", "djinsight.daphne", "-b", options.host, "-p", port, *limits, "asgi_example:application")


def _finish(process: Process, stop: threading.Event) -> None:
    """Wait until ``process`` has ended.

    Raises:
        Stopped: If the user ends the demo.
        CannotRun: If the process failed.
    """
    while not process.ended:
        if stop.wait(LOOK_EVERY):
            raise Stopped
    if process.wait():
        raise CannotRun(f"The site could not be prepared; see {process.log}.")


def _wait_for_socket(options: Options, children: list[Process], stop: threading.Event) -> None:
    """Wait until a page can open its socket.

    Raises:
        Stopped: If the user ends the demo.
        CannotRun: If no socket opens in time, or a child has ended by itself.
    """
    for _ in range(round(READY_WITHIN / LOOK_EVERY)):
        if handshake.opens(options.address, "/ws/djinsight/", options.url.rstrip("/")):
            return
        _look(children, stop)
    raise CannotRun(f"The site does not answer at {options.url}; see {children[-1].log}.")


def _look(children: list[Process], stop: threading.Event) -> None:
    """Wait a moment.

    Raises:
        Stopped: If the user ends the demo.
        CannotRun: If a child has ended by itself.
    """
    if stop.wait(LOOK_EVERY):
        raise Stopped
    for child in children:
        if child.ended:
            raise CannotRun(f"The {child.name} has ended by itself; see {child.log}.")
