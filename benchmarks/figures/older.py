"""Older: djinsight 0.4.2 from PyPI, in a virtual environment of its own, on the same Redis."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.environments import GUNICORN, Environment
from benchmarks.figure import Figure
from benchmarks.figures import history
from benchmarks.figures.counting import SITE, compared, rate, rounds, seconds
from benchmarks.processes import ROOT, Server
from benchmarks.run import SOCKET_PATH, Run

VERSION = "0.4.2"
SOCKETS = 50
OLDER = Environment(
    VERSION,
    (f"djinsight[redis]=={VERSION}", GUNICORN),
    ROOT / "benchmarks" / "older",
    "older_settings",
    "older_wsgi:application",
)


def views_a_second(run: Run) -> list[Figure]:
    """Measure views counted a second, against its HTTP view under gunicorn with one worker of four threads."""
    OLDER.run_django("migrate", "-v", "0")
    with processes.daphne(SITE, log=run.log) as site, OLDER.gunicorn(run) as older:
        samples = medians.in_turn(
            {"views/s": rate(run, site, SOCKET_PATH), "older views/s": _posted(run, older)}, rounds(run)
        )
    against = f"djinsight {VERSION} over HTTP, gunicorn"
    return [compared("views counted a second", against, samples, "views/s", "older views/s", 35)]


def view(article: int) -> str:
    """Return the body of a request that counts a view."""
    return json.dumps(
        {"object_id": article, "content_type": "site.article", "url": f"/articles/{article}/",
         "referrer": views.REFERRER, "user_agent": wire.BROWSER}
    )  # fmt: skip


def _posted(run: Run, server: Server) -> Callable[[], float]:
    def measure() -> float:
        body = view(1)
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
    OLDER.run_django("migrate", "-v", "0")
    number, older_number = run.size(100_000, 2000), run.size(20_000, 1000)

    def older() -> float:
        return float(OLDER.run_django("persist_older", str(older_number), str(min(1000, older_number))))

    samples = medians.in_turn({"views/s": history.persisted(run, number), "older views/s": older}, run.size(5, 1))
    value = medians.ratio(samples, "views/s", "older views/s")
    note = f"{number:,} views of 1,000 objects; the older package {older_number:,}"
    return [
        Figure("views persisted a second, SQLite", f"djinsight {VERSION}", value, least=15, samples=samples, note=note)
    ]
