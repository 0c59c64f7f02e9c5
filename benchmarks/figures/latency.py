"""From a beacon that is sent to the number on another page, on a server that has nothing else to do."""

from __future__ import annotations

import time

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE
from benchmarks.figures.fanout import BEGIN, subscribers
from benchmarks.run import SOCKET_PATH, Run

PAUSE = 0.12  # seconds: longer than the push interval, so that no view waits for it


def beacon_to_page(run: Run) -> list[Figure]:
    number = run.size(40, 5)
    seen: list[float] = []
    relayed: list[float] = []
    with processes.daphne(SITE, log=run.log) as site, processes.daphne(BARE, log=run.log) as bare:
        for _ in range(run.rounds):
            with subscribers(site, 1) as clients:
                (watcher,) = clients
                (viewer,) = clients.open(site.port, SOCKET_PATH, 1, lambda n: views.visitor(1))
                frames = views.beacons(number + 1, objects=1)
                _until(clients, viewer, frames.pop(), watcher, BEGIN)  # the first loads the counters
                seen += [_until(clients, viewer, frame, watcher, BEGIN) for frame in frames]
            with Clients() as clients:
                (relay,) = clients.open(bare.port, "/relay", 1, views.visitor)
                frame = wire.text('{"type":"counters"}')
                relayed += [_until(clients, relay, frame, relay, BEGIN) for _ in range(number)]
    samples = {
        "to the page ms": [1000 * medians.percentile(seen, 50), 1000 * medians.percentile(seen, 99)],
        "relay ms": [1000 * medians.percentile(relayed, 50), 1000 * medians.percentile(relayed, 99)],
    }
    against = "Redis publish/subscribe and an echo"
    return [
        Figure(f"beacon to another page, p{percent}", against, samples["to the page ms"][at] / samples["relay ms"][at],
               most=most, samples={name: [values[at]] for name, values in samples.items()},
               note=f"{len(seen)} views")
        for at, percent, most in ((0, 50, 2.0), (1, 99, 4.0))
    ]  # fmt: skip


def _until(clients: Clients, sender: Client, frame: bytes, receiver: Client, begin: bytes) -> float:
    """Seconds until ``receiver`` has a text that begins so, after a pause."""
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
