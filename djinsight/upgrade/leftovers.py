"""Leftovers: import the data of djinsight 0.x in Redis, each view exactly once, even after a crash.

``djinsight.upgrade.layout`` describes that data. Records become log rows and sums. Counters also have views whose
record is gone. The total grows by these views, but their days are unknown. With the marks of sessions, a visitor who
returns is recognised. Records and marks are deleted after the import; counters stay as they are. The older package must
not run any more.
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
    """How much was imported, and how much stays in Redis."""

    records: int = 0  # imported views with their detail
    views: int = 0  # imported views that only a counter had
    sessions: int = 0  # imported marks of sessions
    unreadable: int = 0  # records that cannot be read, or whose model is not tracked
    unknown: int = 0  # counters and marks whose object does not exist, or whose model is unknown

    def add(self, other: Taken) -> None:
        """Add the numbers of ``other`` to these."""
        for field in fields(Taken):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def take_in(limit: int, model: str = "") -> Iterator[Taken]:
    """Import all leftovers, and yield the numbers of each transaction.

    After an error the import can be started again. It goes on after the last transaction.

    Args:
        limit: The most keys in one transaction.
        model: The model of counters that name none, such as "blog.article". It is needed if several models have an
            object with the primary key.

    Raises:
        redis.RedisError: Redis does not answer.
        CountingUnavailable: Redis has the data of another site, or counters could not be loaded.
        django.db.Error: The database does not answer.
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
    """Import counters and marks, after all records.

    Counters without a model come last, because they are sums of the others.
    """
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
