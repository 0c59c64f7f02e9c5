"""Counters: those that Redis does not have (yet, or any more) are loaded, and those of deleted objects go.

A counter that is missing in Redis is not zero: it is what the database has, plus what is still in the stream.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import redis

from djinsight.beacons.refs import ObjectRef
from djinsight.conf import conf
from djinsight.counting import breakers, connections, days, entries, persistence, scripts, snapshot
from djinsight.counting.keys import Keys, by_shard
from djinsight.counting.persistence import TRIES, Persistence
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable

SCAN = 1000  # stream entries a read
AT_ONCE = 500  # objects a script call
LOAD_WITHIN = 5.0  # seconds that a socket's reader waits for the database

# One thread: a cold object is loaded once, and loading never competes with the requests for threads.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="djinsight-counters")


async def aload(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """``load`` in its thread. Raises CountingUnavailable."""
    try:
        # A database that hangs is not to hang those who read what Redis has.
        async with asyncio.timeout(LOAD_WITHIN):
            return await asyncio.get_running_loop().run_in_executor(_thread, _load_in_thread, refs)
    except TimeoutError as error:
        raise CountingUnavailable(f"the database did not answer within {LOAD_WITHIN} s") from error
    except (redis.RedisError, OSError) as error:
        raise CountingUnavailable(str(error)) from error


def _load_in_thread(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    persistence.release()
    try:
        return load(refs)
    finally:
        persistence.release()


def load(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Load the counters of ``refs`` into Redis. Raises CountingUnavailable or redis.RedisError."""
    found: dict[ObjectRef, Snapshot] = {}
    for shard, group in by_shard(refs).items():
        found.update(_load_shard(shard, group))
    return found


def _load_shard(shard: int, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    client = connections.sync_client(shard)
    for _ in range(TRIES):
        moment = days.now()
        found: dict[ObjectRef, Snapshot] = {}
        persisted = persistence.read(shard, refs, moment)
        read = _add_pending(client, shard, persisted, moment)
        for start in range(0, len(refs), AT_ONCE):
            part = refs[start : start + AT_ONCE]
            reply = _store(client, shard, part, persisted, read, moment)
            if reply == b"stale":
                break
            found.update((ref, _stored(ref, each, moment)) for ref, each in zip(part, reply, strict=True))
        else:
            return found
    raise CountingUnavailable("the database was written to each time it was read")


def _add_pending(client: Any, shard: int, persisted: Persistence, moment: days.Moment) -> tuple[str, str]:
    """Add what the stream holds beyond the cursor; the epoch it was read in, and the id of the last entry read.

    Read page by page, as a script that walks a long stream would hold everybody up; what comes in meanwhile is
    left to the script, and so are the views of tomorrow, from where the first of them is.
    """
    keys = Keys(shard)
    epoch = (client.hget(keys.meta, "epoch") or b"").decode()
    # Also in another epoch: of what is before the cursor it is not known whether it is persisted. Persist finds out.
    at, day_began, day_ends = persisted.last_id, moment.day_began_ms, moment.day_ends_ms
    by_name = {str(ref).encode(): totals for ref, totals in persisted.totals.items()}
    while True:
        page = client.xrange(keys.events, min=f"({at}", count=SCAN)
        for entry_id, parts in page:
            fields = entries.fields(parts)
            totals = by_name.get(fields.get(b"r", b""))
            numbers = totals and entries.numbers(fields)
            if totals and numbers:
                views, uniques, ms = numbers
                if ms >= day_ends:
                    return epoch, at
                totals.add(views, uniques, ms, ms >= day_began)
            at = entry_id.decode()
        if len(page) < SCAN:
            return epoch, at


def _store(
    client: Any,
    shard: int,
    refs: Sequence[ObjectRef],
    persisted: Persistence,
    read: tuple[str, str],
    moment: days.Moment,
) -> Any:
    """Together, because the script walks what the stream has got since it was read."""
    keys = Keys(shard)
    common = [new_epoch(), persisted.epoch, persisted.last_seq, *read]
    day = [moment.number, moment.day_began_ms, moment.day_ends_ms, day_lifetime()]
    of_refs: list[Any] = []
    for ref in refs:
        totals = persisted.totals[ref]
        times = ["" if ms is None else ms for ms in (totals.first_viewed_ms, totals.last_viewed_ms)]
        of_refs += [str(ref), totals.total_views, totals.unique_views, totals.views_today, *times]
    return scripts.load_counters.call(
        client,
        [keys.events, keys.meta, keys.shed, *(key for ref in refs for key in keys.of_ref(ref, moment.stamp))],
        [*common, *day, *of_refs],
    )


def _stored(ref: ObjectRef, reply: Any, moment: days.Moment) -> Snapshot:
    stored = snapshot.decode(ref, reply, moment.number)
    assert stored is not None
    return stored


def day_lifetime() -> int:
    """Seconds that a day's counter is kept: past the end of the day in every case."""
    return max(conf.redis_expiration, 2 * 86_400)


def new_epoch() -> str:
    """A name for the life of one data set of Redis."""
    return secrets.token_hex(4)


def forget(refs: Iterable[ObjectRef]) -> None:
    """Delete the counters of deleted objects. Raises CountingUnavailable where a server does not answer.

    A server is asked also if it did not answer a moment ago, as nobody else deletes them later.
    """
    today = days.now().day
    # A day's counter lives as long as every key that expires.
    stamps = [f"{today - timedelta(days=n):%Y%m%d}" for n in range(conf.redis_expiration // 86_400 + 2)]
    down: dict[breakers.Breaker, Exception] = {}  # of servers; one may have several shards
    for shard, group in by_shard(refs).items():
        breaker = breakers.of(shard)
        if breaker in down:
            continue
        try:
            with breaker.insisting():
                client = connections.sync_client(shard)
                for ref in group:
                    client.delete(*{name: None for stamp in stamps for name in Keys(shard).of_ref(ref, stamp)})
        except (redis.RedisError, OSError) as error:
            down[breaker] = error
    for first in down.values():
        raise CountingUnavailable(str(first)) from first
