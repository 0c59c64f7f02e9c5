"""What sockets cost that do nothing: to open them, to keep them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Clients, accepted, connect
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE, TUNED, compared, rounds
from benchmarks.figures.fanout import BEGIN, subscribers
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run
from djinsight.beacons import tokens

AT_ONCE = 32


def handshakes(run: Run) -> list[Figure]:
    """Sockets that open and subscribe a second."""
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

    # Somebody else watches: the object is known to the server, as that of a popular page is.
    with (
        processes.daphne(SITE, log=run.log) as site,
        processes.daphne(BARE, log=run.log) as bare,
        processes.daphne(TUNED, log=run.log) as tuned,
        subscribers(site, 1),
    ):
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
    """Memory of an idle socket."""
    number = run.size(2000, 100)

    def subscribed() -> float:
        with processes.daphne(SITE, log=run.log) as server:
            with subscribers(server, 20):  # what is made once is made
                before = server.memory()
            with subscribers(server, number):
                return (server.memory() - before) / number

    def bare() -> float:
        with processes.daphne(BARE, log=run.log) as server, Clients() as clients:
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
    """Processor time of a process that holds idle sockets."""
    number, seconds = run.size(5000, 100), run.size(30, 1)

    def held(options: Sequence[str]) -> float:
        with processes.daphne(SITE, log=run.log, options=options) as server, subscribers(server, number) as clients:
            clients.drain(
                run.size(26, 0)
            )  # every socket has been pinged once: the pings are spread as the sockets were
            before = server.cpu()
            clients.drain(seconds)
            return 100 * (server.cpu() - before) / seconds

    def bare(options: Sequence[str]) -> float:
        with processes.daphne(BARE, log=run.log, options=options) as server, Clients() as clients:
            for _ in range(0, number, AT_ONCE):
                clients.open(server.port, "/accept", min(AT_ONCE, number), views.visitor)
                clients.drain(0)
            clients.drain(run.size(26, 0))
            before = server.cpu()
            clients.drain(seconds)
            return 100 * (server.cpu() - before) / seconds

    no_pings = ("--ping-interval", "86400")
    whole = {
        "%": lambda: held(()),
        "% without Daphne's pings": lambda: held(no_pings),
        "bare %": lambda: bare(()),
        "bare % without any pings": lambda: bare(no_pings),
    }
    samples = medians.in_turn(whole, 1)
    name = f"processor time with {number:,} idle subscribed sockets"
    return [
        Figure(name, "one core", samples["%"][0], "%", most=2, samples=samples, note=f"over {seconds} s"),
    ]
