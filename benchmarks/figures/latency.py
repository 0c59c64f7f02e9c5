"""Latency: the time from a beacon to the number on another page, on an idle server."""

from __future__ import annotations

import time

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE
from benchmarks.figures.fanout import BEGIN, subscribers
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

PAUSE = 0.12  # seconds; longer than the push interval, so that no view waits for it


def beacon_to_page(run: Run) -> list[Figure]:
    number = run.size(40, 5)
    here: list[float] = []
    elsewhere: list[float] = []
    relayed: list[float] = []
    with (
        processes.daphne(SITE, log=run.log) as site,
        processes.daphne(SITE, log=run.log) as other,
        processes.plain_daphne(BARE, log=run.log) as bare,
    ):
        for _ in range(run.rounds):
            here += _seen(site, site, number)
            elsewhere += _seen(site, other, number)
            relayed += _relayed(bare, number)
    against = "Redis publish/subscribe and an echo"
    return [
        _figure(what, against, seen, relayed, percent, most)
        for what, seen, bounds in (
            ("beacon to another page", here, (2.0, 4.0)),
            ("beacon to a page of another process", elsewhere, (None, None)),
        )
        for percent, most in zip((50, 99), bounds, strict=True)
    ]


def _figure(
    what: str, against: str, seen: list[float], relayed: list[float], percent: int, most: float | None
) -> Figure:
    value, relay = medians.percentile(seen, percent), medians.percentile(relayed, percent)
    samples = {"to the page ms": [1000 * value], "relay ms": [1000 * relay]}
    return Figure(f"{what}, p{percent}", against, value / relay, most=most, samples=samples, note=f"{len(seen)} views")


def _seen(counting: Server, watched: Server, number: int) -> list[float]:
    """Return the seconds until a page of ``watched`` has the number, for each view that ``counting`` counts."""
    with subscribers(watched, 1) as clients:
        (watcher,) = clients
        (viewer,) = clients.open(counting.port, SOCKET_PATH, 1, lambda n: views.visitor(1))
        frames = views.beacons(number + 1, [1])
        _until(clients, viewer, frames.pop(), watcher, BEGIN)  # the first loads the counters
        return [_until(clients, viewer, frame, watcher, BEGIN) for frame in frames]


def _relayed(bare: Server, number: int) -> list[float]:
    with Clients() as clients:
        (relay,) = clients.open(bare.port, "/relay", 1, views.visitor)
        frame = wire.text('{"type":"counters"}')
        return [_until(clients, relay, frame, relay, BEGIN) for _ in range(number)]


def _until(clients: Clients, sender: Client, frame: bytes, receiver: Client, begin: bytes) -> float:
    """Send ``frame`` after a pause; return the seconds until ``receiver`` has a text that begins with ``begin``."""
    clients.drain(PAUSE)
    began = time.perf_counter()
    sender.send(frame)
    while True:
        ready = clients.ready()
        if not ready:
            raise TimeoutError(f"expected {begin!r} but nothing comes")
        for client in ready:
            payloads = client.receive()
            if client is receiver and any(payload.startswith(begin) for payload in payloads):
                return time.perf_counter() - began
