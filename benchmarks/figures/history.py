"""History: views persisted a second, against inserting their log rows alone in the database's fastest way."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from benchmarks import cores, medians, views, wire
from benchmarks.figure import Figure
from benchmarks.run import Run, make_articles
from djinsight.beacons.beacon import Beacon
from djinsight.beacons.visitors import Visitor
from djinsight.counting import scripts
from djinsight.counting.calls import Call
from djinsight.counting.entries import View
from djinsight.counting.recorder import MAX_BATCH
from djinsight.history.persist import persist
from djinsight.models import (
    DataLoss,
    PageViewHour,
    PageViewLog,
    PageViewStatistics,
    PageViewSummary,
    PersistCursor,
)

OBJECTS = 1000
PAGES_A_VISITOR = 10
A_TRANSACTION = 20_000  # rows, as in persist
COLUMNS = [field.column for field in PageViewLog._meta.concrete_fields if not field.primary_key]


def pending(run: Run, number: int, objects: int = OBJECTS) -> None:
    """Put ``number`` views into an empty Redis, with the script that counts them."""
    with redis.Redis.from_url(run.redis.url) as client:
        client.flushall()
        for start in range(0, number, MAX_BATCH):
            batch = [_view(n, objects) for n in range(start, min(start + MAX_BATCH, number))]
            call = Call(0, batch)
            codes, _ = scripts.count_views.call(client, call.keys, call.args)
            if min(codes) < 1:
                raise RuntimeError(f"expected {len(batch)} counted views but got the codes {sorted(set(codes))}")


def _view(n: int, objects: int) -> View:
    pk = n % objects + 1
    beacon = Beacon(
        secrets.token_urlsafe(16), views.ref(pk), f"/articles/a-title-of-usual-length-{pk}/", views.REFERRER
    )
    return View(beacon, Visitor(f"{n // PAGES_A_VISITOR * 2654435761 % 2**88:022x}", "192.0.2.0", wire.BROWSER, False))


def persisted(run: Run, number: int) -> Callable[[], float]:
    """Return a function that measures views persisted a second."""
    make_articles(OBJECTS)  # views of missing objects would be forgotten, one by one

    def measure() -> float:
        empty()
        pending(run, number)
        cores.pin(cores.SERVER)
        began = time.perf_counter()
        done = persist()
        took = time.perf_counter() - began
        cores.pin(cores.LOAD)
        if done.views != number or DataLoss.objects.exists():
            raise RuntimeError(f"expected {number} views but {done}")
        return number / took

    return measure


def inserted(rows: Sequence[tuple[Any, ...]]) -> Callable[[], float]:
    """Return a function that measures inserts of log rows (``executemany`` on SQLite, ``COPY`` on PostgreSQL)."""
    quoted = ", ".join(f'"{column}"' for column in COLUMNS)
    table = PageViewLog._meta.db_table

    def measure() -> float:
        empty()
        cores.pin(cores.SERVER)
        began = time.perf_counter()
        for start in range(0, len(rows), A_TRANSACTION):
            part = rows[start : start + A_TRANSACTION]
            with transaction.atomic(), connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    with cursor.copy(f'COPY "{table}" ({quoted}) FROM STDIN') as copy:
                        for row in part:
                            copy.write_row(row)
                else:
                    marks = ", ".join(["%s"] * len(COLUMNS))
                    cursor.executemany(f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})', part)
        took = time.perf_counter() - began
        cores.pin(cores.LOAD)
        return len(rows) / took

    return measure


def empty() -> None:
    """Delete all rows of the tables."""
    with connection.cursor() as cursor:
        for model in (PageViewLog, PageViewStatistics, PageViewSummary, PageViewHour, PersistCursor, DataLoss):
            table = f'"{model._meta.db_table}"'
            cursor.execute(f"TRUNCATE {table}" if connection.vendor == "postgresql" else f"DELETE FROM {table}")


def _rows(run: Run, number: int) -> list[tuple[Any, ...]]:
    """Return the log rows of ``number`` views as the database's driver takes them."""
    persisted(run, number)()
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {", ".join(COLUMNS)} FROM "{PageViewLog._meta.db_table}"')
        return list(cursor.fetchall())


def _against_inserts(run: Run, least: float, by: str) -> list[Figure]:
    ContentType.objects.clear_cache()
    number = run.size(100_000, 2000)
    rows = _rows(run, number)
    samples = medians.in_turn({"views/s": persisted(run, number), "rows/s": inserted(rows)}, run.rounds)
    value = medians.ratio(samples, "views/s", "rows/s")
    name = f"views persisted a second, {connection.display_name}"
    note = f"{number:,} views of {OBJECTS:,} objects"
    return [Figure(name, f"{by} of the log rows alone", value, least=least, samples=samples, note=note)]


def sqlite(run: Run) -> list[Figure]:
    return _against_inserts(run, 0.5, "executemany")


def postgresql(run: Run) -> list[Figure]:
    return _against_inserts(run, 0.3, "COPY")
