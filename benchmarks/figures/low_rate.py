"""Low rates: a server's processor time for a view that comes alone, a thousand a second from many sockets."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks import medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE
from benchmarks.figures.page_load import ECHO
from benchmarks.meter import Meter
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

SOCKETS = 200
A_SECOND = 1000


def daphne(run: Run) -> list[Figure]:
    """Measure lone views under our Daphne server class, against a bare echo under plain Daphne."""
    with processes.daphne(SITE, log=run.log) as site, processes.plain_daphne(BARE, log=run.log) as bare:
        return _compared(run, site, bare, "plain Daphne", 1.4)


def uvicorn(run: Run) -> list[Figure]:
    """Measure lone views under uvicorn, against a bare echo."""
    with processes.uvicorn(SITE, log=run.log) as site, processes.uvicorn(BARE, log=run.log) as bare:
        return _compared(run, site, bare, "uvicorn", 2)


def _compared(run: Run, site: Server, bare: Server, name: str, most: float) -> list[Figure]:
    measures = {"us": alone(run, site, SOCKET_PATH), "bare us": alone(run, bare, ECHO)}
    samples = medians.in_turn(measures, run.rounds)
    value, spread = medians.ratio(samples, "us", "bare us"), medians.spread(samples, "us", "bare us")
    of = f"server time of a view, {A_SECOND:,} a second from {SOCKETS} sockets"
    return [Figure(of, f"a frame echoed, bare {name}", value, most=most, samples=samples, note=spread)]


def alone(run: Run, server: Server, path: str) -> Callable[[], float]:
    """Return a function that measures the processor time of ``server`` for a view, in microseconds."""
    number, warm = run.size(3 * A_SECOND, 100), run.size(A_SECOND, 100)

    def measure() -> float:
        run.flush()
        meter = Meter(run, server)
        frames = views.beacons(warm + number)
        with Clients() as clients:
            clients.open(server.port, path, run.size(SOCKETS, 10), views.visitor)
            _send(clients, frames[:warm])
            with meter.over(number):
                _send(clients, frames[warm:])
        return meter.us

    return measure


def _send(clients: Clients, frames: list[bytes]) -> None:
    """Send ``frames`` one by one, each on the next socket, and wait until all are answered."""
    senders = list(clients)
    began, answers = time.perf_counter(), 0
    for n, frame in enumerate(frames):
        while (wait := began + n / A_SECOND - time.perf_counter()) > 0:
            answers += _answers(clients, wait)
        senders[n % len(senders)].send(frame)
    while answers < len(frames):
        answers += _answers(clients, 1.0)


def _answers(clients: Clients, within: float) -> int:
    """Return the number of views that are answered; other frames are a new visitor's id."""
    found = 0
    for client in clients.ready(within):
        found += sum(payload.startswith((b'{"type":"counted"', b'{"type":"view"')) for payload in client.receive())
    return found
