"""Corrections: set an object's numbers, move them to another object, or delete what is kept of a visitor.

A correction holds for the views that were counted before it. Views that are counted during it add to it. For that, the
stream is persisted first. After a correction the counters in Redis are loaded again. A mark in the stream makes each
process that read the database before the correction read it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

import redis
from django.db.models import Q, QuerySet

from djinsight import database, days, metrics
from djinsight.conf import conf
from djinsight.counting import connections, loading, sites
from djinsight.counting.keys import Keys, shard_of
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable
from djinsight.history import dead_letters
from djinsight.history.cursors import lock_cursors
from djinsight.history.persist import MAX_ENTRIES, drain
from djinsight.history.stream import Stream
from djinsight.metrics import COUNTS, HOURLY
from djinsight.models import OfObject, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.content_types import ids_of
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import Key

MAX_TOTAL = 2**53 // 100_000  # a version on the wire is exact up to this total


def set_totals(
    ref: ObjectRef, *, total_views: int | None = None, unique_views: int | None = None
) -> dict[ObjectRef, Snapshot]:
    """Set an object's total numbers up to now, and return its live numbers.

    Its log and its sums by day and hour stay as they were counted.

    Args:
        ref: The object.
        total_views: Its views, None to leave them as they are.
        unique_views: Its unique visitors, None to leave them as they are.

    Raises:
        ValueError: A number is negative or above ``MAX_TOTAL``, there would be more unique views than views, or the
            model of ``ref`` is not installed.
        CountingUnavailable: Redis does not answer, or its data is another site's. Nothing was set.
        RuntimeError: The caller is in a transaction.
    """
    for number in (total_views, unique_views):
        if number is not None and not 0 <= number <= MAX_TOTAL:
            raise ValueError(f"expected a number from 0 to {MAX_TOTAL} but got {number}")
    with _settled([ref]), database.write():
        lock_cursors()
        row, _ = database.rows(PageViewStatistics).get_or_create(**_of(ref))
        row.total_views = row.total_views if total_views is None else total_views
        row.unique_views = row.unique_views if unique_views is None else unique_views
        if row.unique_views > row.total_views:
            raise ValueError(f"expected at most {row.total_views} unique views but got {row.unique_views}")
        row.save(using=database.alias())
    return _renew([ref])


def merge(source: ObjectRef, into: ObjectRef) -> dict[ObjectRef, Snapshot]:
    """Move all views of ``source`` to ``into``, and return the live numbers of both.

    Log rows, totals and sums by day and hour move. A visitor that the log has for both objects counts once.

    Raises:
        ValueError: Both are one object, or the model of one is not installed.
        CountingUnavailable: Redis does not answer, or its data is another site's. Nothing was moved.
        RuntimeError: The caller is in a transaction.
    """
    if source == into:
        raise ValueError(f"expected two objects but got {source} twice")
    with _settled([source, into]), database.write():
        lock_cursors()
        twice, at_both = _merge_log(source, into)
        _merge_totals(source, into, twice)
        _merge_sums(PageViewSummary, "date", metrics.names(COUNTS), source, into, at_both)
        _merge_sums(PageViewHour, "hour", metrics.names(HOURLY), source, into, {})
    return _renew([source, into])


def forget_visitor(visitor: str) -> int:
    """Delete what is kept of a visitor, and return the number of deleted log rows. The numbers of objects stay.

    Args:
        visitor: The visitor's hash, as the log has it.

    Raises:
        ValueError: The string is empty, so it names no visitor.
        CountingUnavailable: Redis does not answer, or its data is another site's.
        RuntimeError: The caller is in a transaction.
    """
    if not visitor:
        raise ValueError("expected a visitor but got an empty string")
    shards = range(conf.redis_shards)
    with _answers():
        for shard in shards:
            _drain(shard)
            # Views that arrive from now on count as those of a new visitor.
            connections.sync_client(shard).delete(Keys(shard).of_visitor(visitor))
    rows = database.rows(PageViewLog).filter(visitor=visitor).order_by("pk")
    deleted = 0
    while pks := list(rows.values_list("pk", flat=True)[: conf.batch_size]):
        deleted += database.rows(PageViewLog).filter(pk__in=pks).delete()[0]
    dead_letters.forget(visitor)
    return deleted


@contextmanager
def _answers() -> Iterator[None]:
    """Raise CountingUnavailable if Redis does not answer."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise CountingUnavailable(str(error)) from error


@contextmanager
def _settled(refs: Iterable[ObjectRef]) -> Iterator[None]:
    """Persist the shards of ``refs`` before the block and after it."""
    shards = sorted(set(map(shard_of, refs)))
    with _answers():
        for shard in shards:
            sites.check_database(shard)
            _drain(shard)
    yield
    with _answers():
        for shard in shards:
            Stream(shard).mark()
            _drain(shard)


def _drain(shard: int) -> None:
    while drain(shard).entries == MAX_ENTRIES:
        pass


def _renew(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Delete the counters of ``refs`` and load them again: loading alone never makes a number smaller."""
    with _answers():
        loading.forget(refs)
        return loading.load(refs)


def _of(ref: ObjectRef) -> dict[str, Any]:
    types = ids_of([ref])
    try:
        return {"content_type_id": types[ref.app_label, ref.model_name], "object_id": ref.pk}
    except KeyError:
        raise ValueError(f"expected an object of an installed model but got {ref}") from None


def _rows(model: type[OfObject], ref: ObjectRef) -> QuerySet[Any]:
    return database.rows(model).filter(**_of(ref))


def _merge_log(source: ObjectRef, into: ObjectRef) -> tuple[int, Counter[date]]:
    """Move the log rows.

    Returns:
        The number of views that are no longer unique, and the number of visitors that viewed both objects, by day.
    """
    twice, at_both = 0, Counter[date]()
    visitors = database.rows(PageViewLog).filter(**_of(into)).exclude(visitor="")
    visitors = visitors.filter(visitor__in=_rows(PageViewLog, source).values("visitor"))
    names = list(visitors.order_by().values_list("visitor", flat=True).distinct())
    for start in range(0, len(names), conf.batch_size):
        of_them = Q(visitor__in=names[start : start + conf.batch_size])
        rows = (_rows(PageViewLog, source) | _rows(PageViewLog, into)).filter(of_them).order_by("visitor", "timestamp")
        again: list[int] = []
        columns = ("visitor", "pk", "timestamp", "is_unique", "content_type_id", "object_id")
        for _, views in groupby(rows.values_list(*columns), itemgetter(0)):
            seen: date | None = None
            objects: dict[date, set[Key]] = {}
            for _, pk, timestamp, is_unique, *key in views:
                day = days.at(days.to_ms(timestamp) or 0).day
                # As in the counting script: a visitor is known for as long as its session is kept.
                new = seen is None or (day - seen).days * 86_400 >= conf.redis_expiration
                if is_unique and not new:
                    again.append(pk)
                seen = day
                objects.setdefault(day, set()).add((key[0], key[1]))
            at_both.update(day for day, ids in objects.items() if len(ids) > 1)
        twice += len(again)
        for part in range(0, len(again), conf.batch_size):
            database.rows(PageViewLog).filter(pk__in=again[part : part + conf.batch_size]).update(is_unique=False)
    _rows(PageViewLog, source).update(**_of(into))
    return twice, at_both


def _merge_sums(
    model: type[OfObject], at: str, counts: Sequence[str], source: ObjectRef, into: ObjectRef, twice: Mapping[date, int]
) -> None:
    """Move the sums by day or hour of ``source`` to ``into``.

    Args:
        model: The table of the sums.
        at: The name of its column with the day or hour.
        counts: The names of the columns to add.
        source: The object whose sums move.
        into: The object that gets them.
        twice: The unique views to subtract, by day.
    """
    while rows := list(_rows(model, source).order_by("pk")[: conf.batch_size]):
        there = _rows(model, into).filter(**{f"{at}__in": [getattr(row, at) for row in rows]})
        found = {getattr(row, at): row for row in there}
        new: list[Any] = []
        known: list[Any] = []
        for row in rows:
            when = getattr(row, at)
            sums: Any = found.get(when) or model(**_of(into), **{at: when})
            for count in counts:
                setattr(sums, count, getattr(sums, count) + getattr(row, count))
            if when in twice:
                sums.unique_views = max(0, sums.unique_views - twice[when])
            (known if when in found else new).append(sums)
        database.rows(model).bulk_create(new, batch_size=conf.batch_size)
        database.rows(model).bulk_update(known, list(counts), batch_size=conf.batch_size)
        database.rows(model).filter(pk__in=[row.pk for row in rows]).delete()


def _merge_totals(source: ObjectRef, into: ObjectRef, twice: int) -> None:
    found = database.rows(PageViewStatistics).filter(**_of(source)).first()
    if found is None:
        return
    row, _ = database.rows(PageViewStatistics).get_or_create(**_of(into))
    for name in metrics.names(COUNTS):
        setattr(row, name, getattr(row, name) + getattr(found, name))
    row.unique_views = max(0, row.unique_views - twice)
    row.first_viewed_at = min(filter(None, (row.first_viewed_at, found.first_viewed_at)), default=None)
    row.last_viewed_at = max(filter(None, (row.last_viewed_at, found.last_viewed_at)), default=None)
    row.save(using=database.alias())
    database.rows(PageViewStatistics).filter(pk=found.pk).delete()
