"""Sockets: the cost of opening them, and of keeping them idle."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Clients, accepted, connect
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE, compared, rounds, three_daphnes
from benchmarks.figures.fanout import BEGIN, subscribers
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run
from djinsight.beacons import tokens

AT_ONCE = 32


def handshakes(run: Run) -> list[Figure]:
    """Measure sockets that open and subscribe a second."""
    number = run.size(600, 64)
    subscribe = wire.text({"type": "subscribe", "tokens": [tokens.mint("watch", views.ref(1))]})

    def opened(server: Server, path: str, frame: bytes) -> Callable[[], float]:
        def measure() -> float:
            began = time.perf_counter()
            for _ in range(0, number, AT_ONCE):
                part = [connect(server.port, path, views.visitor(n)) for n in range(AT_ONCE)]
                with Clients() as clients:
                    for client in part:
                        accepted(client)
                        clients.add(client)
                        if frame:
                            client.send(frame)
                    if frame:
                        clients.await_each(part, BEGIN)
            return number / (time.perf_counter() - began)

        return measure

    # Another socket watches, so the server has the object's snapshot, as it has that of a popular page.
    with three_daphnes(run) as (site, bare, tuned), subscribers(site, 1):
        samples = medians.in_turn(
            {
                "subscribed/s": opened(site, SOCKET_PATH, subscribe),
                "accepted/s": opened(bare, "/accept", b""),
                "tuned accepted/s": opened(tuned, "/accept", b""),
            },
            rounds(run),
        )
    name = "handshakes with a subscription a second"
    return [
        compared(name, "bare handshakes, same Daphne", samples, "subscribed/s", "accepted/s", 0.8),
        compared(name, "bare handshakes, same Daphne tuned alike", samples, "subscribed/s", "tuned accepted/s"),
    ]


def memory(run: Run) -> list[Figure]:
    """Measure the memory of an idle socket."""
    number = run.size(2000, 100)

    def subscribed() -> float:
        with processes.daphne(SITE, log=run.log) as server:
            with subscribers(server, 20):  # allocates what a server allocates once
                before = server.memory()
            with subscribers(server, number):
                return (server.memory() - before) / number

    def bare() -> float:
        with processes.plain_daphne(BARE, log=run.log) as server, Clients() as clients:
            clients.open(server.port, "/accept", 20, views.visitor)
            before = server.memory()
            clients.open(server.port, "/accept", number, views.visitor)
            return (server.memory() - before) / number

    samples = medians.in_turn({"bytes": subscribed, "bare bytes": bare}, run.rounds)
    value = medians.ratio(samples, "bytes", "bare bytes")
    return [
        Figure("memory of an idle subscribed socket", "a bare socket, same Daphne", value, most=1.25, samples=samples)
    ]


def idle(run: Run) -> list[Figure]:
    """Measure the processor time of a server with idle sockets under Daphne."""
    no_pings = ("--ping-interval", "86400")
    whole = {
        "%": lambda: _held(run, processes.daphne(SITE, log=run.log)),
        "bare %": lambda: _bare(run, processes.plain_daphne(BARE, log=run.log)),
        "bare % without any pings": lambda: _bare(run, processes.plain_daphne(BARE, log=run.log, options=no_pings)),
    }
    return _idle(run, whole, most=2)


def idle_uvicorn(run: Run) -> list[Figure]:
    """Measure the processor time of a server with idle sockets under uvicorn."""
    whole = {
        "%": lambda: _held(run, processes.uvicorn(SITE, log=run.log)),
        "bare %": lambda: _bare(run, processes.uvicorn(BARE, log=run.log)),
    }
    return _idle(run, whole)


def _idle(run: Run, whole: Mapping[str, Callable[[], float]], most: float | None = None) -> list[Figure]:
    samples = medians.in_turn(whole, 1)
    name = f"processor time with {_number(run):,} idle subscribed sockets"
    return [Figure(name, "one core", samples["%"][0], "%", most=most, samples=samples, note=f"over {_seconds(run)} s")]


def _held(run: Run, server: Server) -> float:
    with server, subscribers(server, _number(run)) as clients:
        return _used(run, server, clients)


def _bare(run: Run, server: Server) -> float:
    with server, Clients() as clients:
        for _ in range(0, _number(run), AT_ONCE):
            clients.open(server.port, "/accept", min(AT_ONCE, _number(run)), views.visitor)
            clients.drain(0)
        return _used(run, server, clients)


def _used(run: Run, server: Server, clients: Clients) -> float:
    """Return the processor time in percent of a core, from when every socket has been pinged once.

    By then the pings are spread over time as the sockets opened.
    """
    clients.drain(run.size(26, 0))
    before = server.cpu()
    clients.drain(_seconds(run))
    return 100 * (server.cpu() - before) / _seconds(run)


def _number(run: Run) -> int:
    return run.size(5000, 100)


def _seconds(run: Run) -> int:
    return run.size(30, 1)
