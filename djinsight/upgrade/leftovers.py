"""Taking in what djinsight 0.x has left in Redis: each view once, whatever happens in between.

The layout is told in ``djinsight.upgrade.layout``. Records become log rows and sums. Counters tell of views that no
record is left of: the total grows by what the counter has beyond the records, and the day of such views is not
known. Marks of sessions let a visitor who comes back be known. Counters are left as they are, records and marks are
deleted. The older package must have stopped by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from djinsight.conf import conf
from djinsight.counting import servers, sites
from djinsight.upgrade import counters, layout, objects, records
from djinsight.upgrade.layout import Kind, OlderKey


@dataclass(slots=True)
class Taken:
    """What was taken in, and what was left where it is."""

    records: int = 0  # views with their detail
    views: int = 0  # views that only a counter knew of
    sessions: int = 0  # marks of sessions
    unreadable: int = 0  # records that cannot be read, or whose model is not tracked
    unknown: int = 0  # counters and marks whose object does not exist, or whose model is not known

    def add(self, other: Taken) -> None:
        for field in fields(Taken):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def take_in(limit: int, model: str = "") -> Iterator[Taken]:
    """Take everything in, at most ``limit`` keys a transaction; yields what each step did.

    ``model`` ("blog.article") is whose objects the counters without a model are about, where several could be meant.
    Raises redis.RedisError, CountingUnavailable and django.db.Error, between two steps.
    """
    for shard in servers.shards():
        sites.check(shard)
    records.delete_taken()
    found = False
    for shard in servers.shards():
        for names in servers.scan(shard):
            keys = layout.among(shard, names)
            found = found or bool(keys)
            for part in _parts([key for key in keys if key.kind is Kind.RECORD], limit):
                written, unreadable = records.take(shard, part)
                yield Taken(records=written, unreadable=unreadable)
    if found:
        for shard in servers.shards():
            yield from _take_the_rest(shard, limit, model)


def _take_the_rest(shard: int, limit: int, model: str) -> Iterator[Taken]:
    """Counters and marks: the records are in by now. Counters without a model come last: they are sums of others."""
    bare: dict[str, OlderKey] = {}
    for names in servers.scan(shard):
        keys = layout.among(shard, names)
        numbers = [key for key in keys if key.kind in _COUNTERS]
        bare.update((key.name, key) for key in numbers if not key.label)
        for part in _parts([key for key in numbers if key.label], limit):
            counted = counters.take(shard, part)
            yield Taken(views=counted.views, unknown=counted.unknown)
        for part in _parts([key for key in keys if key.kind is Kind.SESSION], limit):
            if conf.visitor != "anonymous":
                refs = objects.resolve(part, model)
                layout.take_sessions(shard, list(refs.items()))
                yield Taken(sessions=len(refs), unknown=len(part) - len(refs))
    for part in _parts(list(bare.values()), limit):
        counted = counters.take(shard, part, model)
        yield Taken(views=counted.views, unknown=counted.unknown)


_COUNTERS = (Kind.COUNTER, Kind.UNIQUE_COUNTER)


def _parts(keys: Sequence[OlderKey], limit: int) -> Iterator[Sequence[OlderKey]]:
    for start in range(0, len(keys), limit):
        yield keys[start : start + limit]
