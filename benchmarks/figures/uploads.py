"""Uploads: a server's processor time, in our Daphne server class against plain Daphne."""

from __future__ import annotations

import socket
from collections.abc import Callable

from benchmarks import medians, processes
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, rounds
from benchmarks.processes import Server
from benchmarks.run import Run

PART = bytes(1 << 20)


def uploads(run: Run) -> list[Figure]:
    """Measure the processor time of both servers for the same upload."""
    size = run.size(100, 20)
    with processes.daphne(BARE, log=run.log) as ours, processes.plain_daphne(BARE, log=run.log) as plain:
        measures = {"ms": _uploaded(ours, size), "plain ms": _uploaded(plain, size)}
        samples = medians.in_turn(measures, rounds(run))
    value = medians.ratio(samples, "ms", "plain ms")
    name = f"processor time of an upload of {size} MiB"
    return [Figure(name, "plain Daphne", value, most=1.2, samples=samples)]


def _uploaded(server: Server, size: int) -> Callable[[], float]:
    def measure() -> float:
        before = server.cpu()
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            length = size * len(PART)
            client.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length)
            for _ in range(size):
                client.sendall(PART)
            answer = client.recv(4096)
        if not answer.startswith(b"HTTP/1.1 204 "):
            raise RuntimeError(f"expected 204 but got {answer[:100]!r}")
        return 1000 * (server.cpu() - before)

    return measure
