"""Older: djinsight 0.4.2 from PyPI, in a virtual environment of its own, on the same Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.figure import Figure
from benchmarks.figures import history
from benchmarks.figures.counting import SITE, compared, rate, rounds, seconds
from benchmarks.processes import ROOT, Server
from benchmarks.run import SOCKET_PATH, Run

VERSION = "0.4.2"
REQUIREMENTS = (f"djinsight[redis]=={VERSION}", "gunicorn")
SOCKETS = 50
SITE_OF_OLDER = ROOT / "benchmarks" / "older"


def python() -> str:
    """Return the interpreter of the older package's environment, which the first call creates."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / f"djinsight-benchmarks-{VERSION}-py{sys.version_info[0]}{sys.version_info[1]}"
    interpreter = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", *REQUIREMENTS], check=True, env=_environment())
        (home / "ready").touch()
    return str(interpreter)


def _environment() -> dict[str, str]:
    """Return the environment variables of the older site, in which the present package cannot be imported."""
    return {
        **os.environ,
        "PYTHONPATH": str(SITE_OF_OLDER),
        "DJANGO_SETTINGS_MODULE": "older_settings",
        "VIRTUAL_ENV": "",
    }


def run_django(*arguments: str) -> str:
    """Run a management command of the older site and return its output."""
    done = subprocess.run(
        [python(), "-m", "django", *arguments],
        env=_environment(), cwd=SITE_OF_OLDER, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def gunicorn(run: Run) -> Server:
    port = processes.free_port()
    options = ("--workers", "1", "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "error")
    # Not in the root of this repository, where it would import the present djinsight.
    command = (python(), "-m", "gunicorn", *options, "older_wsgi:application")
    return Server(command, port, log=run.log, cwd=SITE_OF_OLDER, **_environment())


def views_a_second(run: Run) -> list[Figure]:
    """Measure views counted a second, against its HTTP view under gunicorn with one worker of four threads."""
    run_django("migrate", "-v", "0")
    with processes.daphne(SITE, log=run.log) as site, gunicorn(run) as older:
        samples = medians.in_turn(
            {"views/s": rate(run, site, SOCKET_PATH), "older views/s": _posted(run, older)}, rounds(run)
        )
    against = f"djinsight {VERSION} over HTTP, gunicorn"
    return [compared("views counted a second", against, samples, "views/s", "older views/s", 35)]


def _posted(run: Run, server: Server) -> Callable[[], float]:
    def measure() -> float:
        body = json.dumps(
            {"object_id": 1, "content_type": "site.article", "url": "/articles/1/", "referrer": views.REFERRER,
             "user_agent": wire.BROWSER}
        )  # fmt: skip
        with Clients() as clients:
            for _ in range(SOCKETS):
                clients.add(_connected(server.port))
            requests = {
                client: (
                    f"POST /djinsight/record-view/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    f"Cookie: sessionid={views.visitor(n)}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                ).encode()
                for n, client in enumerate(clients)
            }
            return _answered(run, server, clients, requests)

    return measure


def _connected(port: int) -> Client:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setblocking(False)
    return Client(sock)


def _answered(run: Run, server: Server, clients: Clients, requests: dict[Client, bytes]) -> float:
    for client, request in requests.items():
        client.send(request)
    answers = 0
    counting_from = time.perf_counter() + seconds(run) * views.WARM_UP
    until = counting_from + seconds(run)
    counting = False
    while (now := time.perf_counter()) < until:
        if not counting and now >= counting_from:
            counting, answers = True, 0
        for client in clients.ready(until - now):
            data = client.sock.recv(65_536)
            if data:
                client.buffer += data
                if b'"status"' not in client.buffer:
                    continue
                if b'"success"' not in client.buffer:
                    raise RuntimeError(f"expected a view that is counted but got {client.buffer!r}")
                answers += 1
            again = client
            if not data or b"onnection: close" in client.buffer:
                request = requests.pop(client)
                clients.remove(client)
                client.sock.close()
                again = _connected(server.port)
                requests[again] = request
                clients.add(again)
            again.buffer = b""
            again.send(requests[again])
    return answers / seconds(run)


def persisted(run: Run) -> list[Figure]:
    """Measure views persisted a second, against its ``process_page_views``, on SQLite."""
    run_django("migrate", "-v", "0")
    number, older_number = run.size(100_000, 2000), run.size(20_000, 1000)

    def older() -> float:
        return float(run_django("persist_older", str(older_number), str(min(1000, older_number))))

    samples = medians.in_turn({"views/s": history.persisted(run, number), "older views/s": older}, run.size(5, 1))
    value = medians.ratio(samples, "views/s", "older views/s")
    note = f"{number:,} views of 1,000 objects; the older package {older_number:,}"
    return [
        Figure("views persisted a second, SQLite", f"djinsight {VERSION}", value, least=15, samples=samples, note=note)
    ]
