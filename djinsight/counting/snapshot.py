"""Snapshots: the counters of an object at one moment. Read from Redis, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import redis

from djinsight import days
from djinsight.counting import clock, connections, scripts
from djinsight.counting.keys import Keys, by_shard
from djinsight.tracked.refs import ObjectRef

# Above the number of any day until 2243, so that a version orders by total views, then by day. A JSON number is
# exact up to 2**53: enough for 90 billion views of one object.
_DAYS = 100_000


class Snapshot(NamedTuple):
    """The counters of ``ref``; times in Unix ms, None where it was never viewed."""

    ref: ObjectRef
    total_views: int
    unique_views: int
    views_today: int
    first_viewed_ms: int | None
    last_viewed_ms: int | None
    day: int  # the number of the day that views_today counts

    @property
    def version(self) -> int:
        """Grows with every change: total views only grow, and at midnight the day does.

        Derived, not stored, so that it goes on growing when Redis has lost its data.
        """
        return self.total_views * _DAYS + self.day

    def as_counter(self) -> dict[str, Any]:
        """As it goes over the wire, one of a ``counters`` frame."""
        first, last = days.to_datetime(self.first_viewed_ms), days.to_datetime(self.last_viewed_ms)
        return {
            "ref": str(self.ref),
            "total_views": self.total_views,
            "unique_views": self.unique_views,
            "views_today": self.views_today,
            "first_viewed_at": first.isoformat(timespec="milliseconds") if first else None,
            "last_viewed_at": last.isoformat(timespec="milliseconds") if last else None,
            "day": self.day,
            "version": self.version,
        }


def decode(ref: ObjectRef, reply: Any, day: int) -> Snapshot | None:
    """The snapshot in a script's reply, or None where Redis does not have the counters of ``ref``."""
    if not reply:
        return None
    total, unique, today, first, last = reply
    return Snapshot._make((ref, total, unique, today, first, last, day))


def read(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot | None]:
    """Read the snapshots that Redis has of ``refs``: one round trip a shard.

    Raises:
        redis.RedisError: A server does not answer.
        CountingUnavailable: Its clock is unsteady, or its data set is another site's.
    """
    found: dict[ObjectRef, Snapshot | None] = {}
    for shard, group in by_shard(dict.fromkeys(refs)).items():
        for _ in range(clock.TRIES):
            moment, keys, args = _call(shard, group)
            reply = scripts.read_counters.call(connections.sync_client(shard), keys, args)
            if clock.agrees(reply):
                break
        else:
            raise clock.unsteady()
        found.update(_snapshots(group, reply, moment))
    return found


async def aread(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot | None]:
    """The same on the socket path."""
    found: dict[ObjectRef, Snapshot | None] = {}
    for shard, group in by_shard(dict.fromkeys(refs)).items():
        for _ in range(clock.TRIES):
            moment, keys, args = _call(shard, group)
            reply = await _ask(shard, keys, args)
            if clock.agrees(reply):
                break
        else:
            raise clock.unsteady()
        found.update(_snapshots(group, reply, moment))
    return found


async def _ask(shard: int, keys: Sequence[str], args: Sequence[Any]) -> Any:
    for last in (False, True):
        try:
            async with connections.aalone(shard) as connection:
                await scripts.read_counters.asend(connection, keys, args)
                return await scripts.read_counters.areply(connection, keys, args)
        except redis.ConnectionError:
            # Redis closed the connection while it was idle, or it led to a server that is the primary no longer.
            if last:
                raise


def _call(shard: int, refs: Sequence[ObjectRef]) -> tuple[days.Moment, list[str], list[int]]:
    keys, moment = Keys(shard), days.now()
    stamp = moment.stamp
    of_refs = [key for ref in refs for key in keys.of_ref(ref, stamp)]
    return moment, [keys.meta, *of_refs], [moment.number, *moment.window()]


def _snapshots(
    refs: Sequence[ObjectRef], reply: Any, moment: days.Moment
) -> Iterator[tuple[ObjectRef, Snapshot | None]]:
    return ((ref, decode(ref, each, moment.number)) for ref, each in zip(refs, reply, strict=True))
