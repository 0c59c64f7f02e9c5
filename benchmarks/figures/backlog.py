"""Backlog: pages of objects without a counter in Redis, while a million views wait to be persisted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import redis
from django.db import connection

from benchmarks import cores, views
from benchmarks.figure import Figure
from benchmarks.figures.history import empty, pending
from benchmarks.run import Run
from djinsight.counting import live_numbers

THREADS = 10
WITHIN = 50  # ms


def reads(run: Run) -> list[Figure]:
    """Measure the longest read of each round by ten threads at once, each with objects that were never viewed."""
    number = run.size(1_000_000, 10_000)
    empty()
    pending(run, number)
    cores.pin(cores.SERVER)  # Redis has the other core
    never = count(10_000_000)

    def read(objects: int) -> float:
        refs = [views.ref(next(never)) for _ in range(objects)]
        began = time.perf_counter()
        live_numbers.read(refs)
        return 1000 * (time.perf_counter() - began)

    def let_go(_: int) -> None:
        connection.close()

    figures = []
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, [1] * THREADS))  # opens the connections
        for objects in (1, 50):
            alone = [read(objects) for _ in range(run.rounds)]
            with redis.Redis.from_url(run.redis.url) as client:
                client.config_resetstat()
                together = [max(pool.map(read, [objects] * THREADS)) for _ in range(run.rounds)]
                scripts = client.info("commandstats")["cmdstat_evalsha"]["usec"] / 1000 / run.rounds
            name = f"{number:,} views wait, {objects} object{'s' if objects > 1 else ''} without a counter"
            # The scripts of one round run one after another, on one core, so no answer to all of them comes earlier.
            note = f"Redis takes {scripts:.0f} ms for the scripts of {objects * THREADS} objects"
            for how, samples, of in (("alone", alone, ""), (f"{THREADS} threads", together, note)):
                figure = Figure(f"{name}, {how}", "", max(samples), "ms", most=WITHIN, samples={"ms": samples}, note=of)
                figures.append(figure)
        list(pool.map(let_go, range(THREADS)))
    return figures
