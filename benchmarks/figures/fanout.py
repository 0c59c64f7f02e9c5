"""Fan-out: frames a second to many subscribers of one object, and what a hot object costs other sockets."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE, compared
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run
from djinsight.beacons import tokens

# A frame that djinsight sends for one object.
COUNTERS = (
    '{"type":"counters","counters":[{"ref":"site.article:1","total_views":123456,"unique_views":23456,'
    '"views_today":3456,"first_viewed_at":"2026-01-01T00:00:00.000+00:00",'
    '"last_viewed_at":"2026-01-02T00:00:00.000+00:00","version":12345620454}]}'
)
BEGIN = b'{"type":"counters"'
VIEWS_A_SECOND = 1000
SENDERS = 50
# Without the bound of ten updates a second, which otherwise keeps a server from this much work.
AT_ONCE_AGAIN = {"BENCHMARK_PUSH_INTERVAL": "0.001"}
FASTEST = 100_000  # frames a second, more than any server here sends
AT_ONCE = 250


@contextmanager
def subscribers(server: Server, number: int) -> Iterator[Clients]:
    """Open sockets that watch the first article."""
    subscribe = wire.text({"type": "subscribe", "tokens": [tokens.mint("watch", views.ref(1))]})
    with Clients() as clients:
        for start in range(0, number, AT_ONCE):  # in parts, so that the open sockets are read in between
            part = min(AT_ONCE, number - start)
            opened = clients.open(server.port, SOCKET_PATH, part, lambda n, start=start: views.visitor(start + n))
            for client in opened:
                client.send(subscribe)
            clients.await_each(opened, BEGIN)
        yield clients


def _seconds(run: Run, number: int) -> float:
    """Return seconds that suffice for some tens of frames to each of ``number`` sockets."""
    return max(run.seconds, number / 1000)


def _received(clients: Clients, seconds: float) -> float:
    """Return the frames a second that arrive on all sockets together."""
    frames = 0

    def take(client: Client, payloads: list[bytes]) -> None:
        nonlocal frames
        frames += len(payloads)

    clients.drain(seconds * views.WARM_UP)
    began = time.perf_counter()
    clients.drain(seconds, take)
    return frames / (time.perf_counter() - began)


def pushed(run: Run, server: Server, number: int) -> Callable[[], float]:
    """Return a function that measures frames a second to ``number`` subscribers.

    One of them sends the next view when half of them have the last number.
    """
    seconds = _seconds(run, number)

    def measure() -> float:
        waiting = views.beacons(int(2 * FASTEST / number * seconds) + 2, [1])
        with subscribers(server, number) as clients:
            viewer = next(iter(clients))
            viewer.send(waiting.pop())
            frames, view_at = 0, number // 2
            counting_from = time.perf_counter() + seconds * views.WARM_UP
            until = counting_from + seconds
            before: int | None = None
            while (now := time.perf_counter()) < until:
                if before is None and now >= counting_from:
                    before = frames
                for client in clients.ready(until - now):
                    frames += sum(payload.startswith(BEGIN) for payload in client.receive())
                    if frames >= view_at:
                        viewer.send(waiting.pop())
                        view_at += number
        run.flush()
        return (frames - (before or 0)) / seconds

    return measure


def flooded(run: Run, server: Server, number: int) -> Callable[[], float]:
    """Return a function that measures frames a second from a loop that only sends."""

    def measure() -> float:
        with Clients() as clients:
            clients.open(server.port, "/flood", number, views.visitor)
            (start,) = clients.open(server.port, "/start", 1, views.visitor)
            start.send(wire.text(COUNTERS))
            return _received(clients, _seconds(run, number))

    return measure


def daphne(run: Run) -> list[Figure]:
    figures = []
    loop = "a loop that sends, same Daphne"
    with (
        processes.daphne(SITE, log=run.log, **AT_ONCE_AGAIN) as site,
        processes.plain_daphne(BARE, log=run.log) as bare,
        processes.daphne(BARE, log=run.log) as tuned,
    ):
        for number in _numbers(run):
            measures = {
                "frames/s": pushed(run, site, number),
                "bare frames/s": flooded(run, bare, number),
                "tuned frames/s": flooded(run, tuned, number),
            }
            samples = medians.in_turn(measures, run.rounds)
            name = _name(number)
            figures.append(compared(name, loop, samples, "frames/s", "bare frames/s", 0.85))
            figures.append(compared(name, f"{loop} tuned alike", samples, "frames/s", "tuned frames/s"))
    return figures


def uvicorn(run: Run) -> list[Figure]:
    figures = []
    with processes.uvicorn(SITE, log=run.log, **AT_ONCE_AGAIN) as site, processes.uvicorn(BARE, log=run.log) as bare:
        for number in _numbers(run):
            measures = {"frames/s": pushed(run, site, number), "bare frames/s": flooded(run, bare, number)}
            samples = medians.in_turn(measures, run.rounds)
            figures.append(
                compared(_name(number), "a loop that sends, same uvicorn", samples, "frames/s", "bare frames/s")
            )
    return figures


def _numbers(run: Run) -> tuple[int, int]:
    return run.size(500, 50), run.size(5000, 100)


def _name(number: int) -> str:
    return f"counter frames a second to {number:,} subscribers"


def hot_object(run: Run) -> list[Figure]:
    """Measure 1,000 views a second of one object that many sockets watch."""
    watching = run.size(500, 50)
    per_second, refused, delays = [], 0, []
    with processes.daphne(SITE, log=run.log) as site:
        for _ in range(run.rounds):
            frames, rejected, waited = _hot(run, site, watching)
            per_second.append(frames)
            refused += rejected
            delays.append(1000 * medians.percentile(waited, 99))
            run.flush()
    about = f"{VIEWS_A_SECOND:,} views/s of an object with {watching} subscribers"
    return [
        Figure(
            f"{about}: frames a subscriber", "the push interval, 0.1 s", medians.middle(per_second), "/s", most=10.5,
            samples={"frames/s": per_second},
        ),
        Figure(f"{about}: refused views", "", refused, "views", most=0),
        Figure(
            f"{about}: acknowledged, p99", "", medians.middle(delays), "ms", most=50, samples={"p99 ms": delays}
        ),
    ]  # fmt: skip


def _hot(run: Run, site: Server, watching: int) -> tuple[float, int, list[float]]:
    number = int(VIEWS_A_SECOND * run.seconds)
    token = tokens.mint("view", views.ref(1))
    ids = [secrets.token_urlsafe(16) for _ in range(number)]
    waiting = [wire.text({"type": "view", "id": each, "token": token, "url": "/articles/1/"}) for each in ids]
    sent: dict[bytes, float] = {}
    waited: list[float] = []
    frames = rejected = 0
    with subscribers(site, watching) as clients:
        senders = clients.open(site.port, SOCKET_PATH, SENDERS, lambda n: views.visitor(watching + n))
        answering = set(senders)
        began = time.perf_counter()
        n = 0
        while n < number or sent:
            now = time.perf_counter()
            while n < number and began + n / VIEWS_A_SECOND <= now:
                sent[ids[n].encode()] = time.perf_counter()
                senders[n % SENDERS].send(waiting[n])
                n += 1
            if now - began > run.seconds + 10:
                raise TimeoutError(f"expected answers to {number} views but {len(sent)} are missing")
            for client in clients.ready(
                max(0.0, began + n / VIEWS_A_SECOND - time.perf_counter()) if n < number else 1
            ):
                payloads = client.receive()
                if client not in answering:
                    frames += len(payloads)
                    continue
                for payload in payloads:
                    waited.append(time.perf_counter() - sent.pop(payload.partition(b'"id":"')[2][:22]))
                    rejected += payload.startswith(b'{"type":"rejected"')
        took = time.perf_counter() - began
    return frames / watching / took, rejected, waited
