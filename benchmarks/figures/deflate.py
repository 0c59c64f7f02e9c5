"""Deflate: the processor time of a view under uvicorn, whose answers are compressed by default."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import ENOUGH, IN_FLIGHT, SITE, SOCKETS, rounds, seconds
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

OFF = ("--ws-per-message-deflate", "false")


def deflate(run: Run) -> list[Figure]:
    """Measure a view of a client that offers compression, with a server that accepts it and one that does not."""
    with (
        processes.uvicorn(SITE, log=run.log) as on,
        processes.uvicorn(SITE, log=run.log, options=OFF) as off,
    ):
        samples = medians.in_turn({"us": _view(run, on, True), "us without": _view(run, off, False)}, rounds(run))
    value, note = medians.ratio(samples, "us", "us without"), medians.spread(samples, "us", "us without")
    name, against = "processor time of a view, its answer compressed", "not compressed, same uvicorn"
    return [Figure(name, against, value, samples=samples, note=f"{note}; the load's own frames are plain")]


def _view(run: Run, server: Server, expected: bool) -> Callable[[], float]:
    """Return a function that measures the server's processor time a view, in us."""

    def measure() -> float:
        frames = [views.beacons(int(ENOUGH * seconds(run) * (1 + views.WARM_UP)))]
        with Clients() as clients:
            opened = clients.open(server.port, SOCKET_PATH, SOCKETS, views.visitor, deflate=True)
            agreed = {client.inflate is not None for client in opened}
            if agreed != {expected}:
                raise RuntimeError(f"expected compression to be {expected} but got {agreed}")
            before = server.cpu()
            answered = views.keep_in_flight(clients, frames, IN_FLIGHT, seconds(run))
            used = server.cpu() - before
        run.flush()
        return 1e6 * used / (answered.answers * (1 + views.WARM_UP))

    return measure
