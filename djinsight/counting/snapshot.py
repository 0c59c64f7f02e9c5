"""Snapshots: the counters of an object at one moment, read from Redis for many objects at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import le
from typing import Any, NamedTuple

import redis

from djinsight import days
from djinsight.counting import clock, connections, scripts
from djinsight.counting.keys import Keys, by_shard
from djinsight.metrics import METRICS, NO_MORE, PLACES, Kind
from djinsight.tracked.refs import ObjectRef

# Greater than the number of any day until 2243, so that a version orders by total views, then by day. JSON holds a
# version exactly up to 2**53, which is enough for 90 billion views of one object.
_DAYS = 100_000
MAX_VIEWS = 100_000_000_000  # greater than the views of any object; ``order_of_today`` stays below 2**53 in JSON


class Snapshot(NamedTuple):
    """The counters of ``ref`` at one moment; times in Unix ms, None before the first view."""

    ref: ObjectRef
    total_views: int
    unique_views: int
    views_today: int
    first_viewed_ms: int | None
    last_viewed_ms: int | None
    day: int  # the number of the day that views_today counts
    more: tuple[int, ...] = NO_MORE  # further metrics

    def values(self) -> tuple[int | None, ...]:
        """Return the values of ``METRICS``, in their order."""
        return (*self[1:6], *self.more)

    def get(self, name: str) -> int | None:
        """Return the value of the metric ``name``. Raises KeyError."""
        return self.values()[PLACES[name]]

    @property
    def order_of_today(self) -> int:
        """A number that only grows, by which a page tells the newer of two ``views_today``."""
        return self.day * MAX_VIEWS + self.views_today

    @property
    def version(self) -> int:
        """A number that grows with each view, by which other programs notice that there was one.

        It is derived and not stored, so that it keeps growing after Redis has lost its data. Nothing is ordered by it.
        """
        return self.total_views * _DAYS + self.day

    def as_counter(self) -> dict[str, Any]:
        """Return the snapshot as one element of a ``counters`` frame."""
        counter: dict[str, Any] = {"ref": str(self.ref)}
        for metric, value in zip(METRICS, self.values(), strict=True):
            counter[metric.name] = _as_iso(value) if metric.kind is Kind.TIME else value
        return counter | {"day": self.day, "version": self.version}


def newest(one: Snapshot | None, other: Snapshot) -> Snapshot:
    """Return a snapshot with the newest of each number in two of an object; each number has an order of its own."""
    if one is None or one == other:
        return other
    _, total, unique, today, first, last, day, more = one
    is_newer = (
        other.total_views >= total
        and other.unique_views >= unique
        and (other.day, other.views_today) >= (day, today)
        and (first is None or first == other.first_viewed_ms)
        and (last is None or last <= (other.last_viewed_ms or 0))
        and all(map(le, more, other.more))
    )
    if is_newer:
        return other
    return Snapshot(
        other.ref,
        max(total, other.total_views),
        max(unique, other.unique_views),
        max((day, today), (other.day, other.views_today))[1],
        min((ms for ms in (first, other.first_viewed_ms) if ms is not None), default=None),
        max((ms for ms in (last, other.last_viewed_ms) if ms is not None), default=None),
        max(day, other.day),
        tuple(map(max, more, other.more)),
    )


def _as_iso(ms: int | None) -> str | None:
    at = days.to_datetime(ms)
    return at.isoformat(timespec="milliseconds") if at else None


def decode(ref: ObjectRef, reply: Any, day: int) -> Snapshot | None:
    """Return the snapshot in a script's reply, or None if Redis does not have the counters of ``ref``.

    Args:
        ref: The object.
        reply: The script's item for it: total, unique, today, first, last, then the further metrics; or empty.
        day: The number of the day that ``today`` counts.
    """
    if not reply:
        return None
    total, unique, today, first, last, *more = reply
    return Snapshot._make((ref, total, unique, today, first, last, day, tuple(more)))


def read(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot | None]:
    """Read the snapshots that Redis has of ``refs``, None for others, with one round trip a shard.

    Raises:
        redis.RedisError: A server does not answer.
        CountingUnavailable: A server's clock is unsteady, or its data set is another site's.
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
    """Read the snapshots of ``refs`` as ``read`` does, on the socket path.

    Raises:
        redis.RedisError: A server does not answer.
        TimeoutError: A server does not answer in time.
        CountingUnavailable: A server's clock is unsteady, or its data set is another site's.
    """
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
            # Redis closed the connection while it was idle, or its server is no longer the primary.
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
