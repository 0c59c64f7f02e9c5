"""Loading: puts counters that Redis lacks into it, and removes those of deleted objects.

A counter that is missing in Redis is not zero. It is the total in the database plus the views that are still in the
stream.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import redis

from djinsight import days
from djinsight.conf import conf
from djinsight.counting import baseline, batched_loading, breakers, clock, connections, scripts, sites, snapshot
from djinsight.counting.baseline import TRIES, Persistence
from djinsight.counting.keys import Keys, by_shard, escaped
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable, ForeignDataSet
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.counting")

SCAN = 1000  # keys in a step of the scan for those of a model
AT_ONCE = 250  # objects in a script call, which reads each in some 50 blocks and segments of a million views
SEGMENT = 2048  # entries in a segment, as in segments.lua
COMPLETE_AGAIN_AFTER = 10.0  # seconds in which the segments of a shard are not completed a second time
LOAD_WITHIN = 5.0  # seconds that the socket path waits for the database

# One thread, so that a cold object is loaded once, and loading takes no thread away from requests.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="djinsight-counters")
_completing: dict[int, float] = {}  # by shard: until when it is not begun again (monotonic clock)
_completing_lock = threading.Lock()


async def aload(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Load the counters of ``refs`` into Redis, in a thread, and return their snapshots.

    Raises:
        CountingUnavailable: Redis or the database does not answer, or the counters cannot be loaded now.
    """
    try:
        # A database that hangs must not hang callers that also read counters that Redis has.
        async with asyncio.timeout(LOAD_WITHIN):
            return await asyncio.get_running_loop().run_in_executor(_thread, _load_in_thread, refs)
    except TimeoutError as error:
        raise CountingUnavailable(f"the database did not answer within {LOAD_WITHIN} s") from error
    except (redis.RedisError, OSError) as error:
        raise CountingUnavailable(str(error)) from error


def _load_in_thread(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    baseline.release()
    try:
        return load(refs)
    finally:
        baseline.release()


def load(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Load the counters of ``refs`` into Redis, and return their snapshots.

    The time is bounded by the number of ``refs``, however long the stream is: Redis sums up its segments and walks two
    of them at most. If segments are missing this raises, and a thread completes them in the background. Threads that
    load at the same time share one load.

    Raises:
        CountingUnavailable: The database does not answer, or the counters cannot be loaded now.
        redis.RedisError: Redis does not answer.
    """
    found: dict[ObjectRef, Snapshot] = {}
    for shard, group in by_shard(refs).items():
        found.update(batched_loading.lane(shard, _load_shard).load(group))
    return found


def _load_shard(shard: int, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    found: dict[ObjectRef, Snapshot] = {}
    for start in range(0, len(refs), AT_ONCE):
        found.update(_load_part(shard, refs[start : start + AT_ONCE]))
    return found


def _load_part(shard: int, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    sites.check_database(shard, again=False)
    before = None
    for _ in range(TRIES):
        moment = days.now()
        persisted = baseline.read(shard, refs, moment)
        reply = _store(shard, refs, persisted, moment)
        if reply == b"unknown":
            _complete_later(shard)
            raise CountingUnavailable("the sums of the stream are not complete; they are being made again")
        if reply == b"stale":
            cursor = persisted.epoch, persisted.last_seq
            if cursor == before:  # it has not moved since: a worker has to persist first
                break
            before = cursor
        elif clock.agrees(reply):
            *stored, blocks_lack = reply
            if blocks_lack:
                _complete_later(shard)
            return {ref: _stored(ref, each, moment) for ref, each in zip(refs, stored, strict=True)}
    raise CountingUnavailable("the database was written to each time it was read, or is behind what Redis knows")


def _store(shard: int, refs: Sequence[ObjectRef], persisted: Persistence, moment: days.Moment) -> Any:
    keys, stamp = Keys(shard), moment.stamp
    cursor = [new_epoch(), persisted.epoch, persisted.last_seq, persisted.last_id]
    day = [moment.number, moment.day_began_ms, moment.day_ends_ms, day_lifetime(), *moment.window()]
    of_refs: list[Any] = []
    for ref in refs:
        totals = persisted.totals[ref]
        times = ["" if ms is None else ms for ms in (totals.first_viewed_ms, totals.last_viewed_ms)]
        of_refs += [str(ref), totals.total_views, totals.unique_views, totals.views_today, *times, *totals.more]
    return scripts.load_counters.call(
        connections.sync_client(shard),
        [
            *(keys.events, keys.meta, keys.shed, keys.pending),
            *(key for ref in refs for key in keys.of_ref(ref, stamp)),
        ],
        [*cursor, *day, *of_refs],
    )


def _complete_later(shard: int) -> None:
    """Complete the segments of ``shard`` in the thread, unless that was begun a moment ago."""
    with _completing_lock:
        if time.monotonic() < _completing.get(shard, 0.0):
            return
        _completing[shard] = time.monotonic() + COMPLETE_AGAIN_AFTER
    _thread.submit(_complete, shard)


def _complete(shard: int) -> None:
    """Make missing segments and blocks again, one segment or a part of a block (a few milliseconds) a call."""
    baseline.release()
    try:
        moment = days.now()
        persisted = baseline.read(shard, [], moment)
        for _ in range(conf.stream_max_views // SEGMENT + 2):
            if _store(shard, [], persisted, moment) != b"unknown":
                break
    except (redis.RedisError, OSError, CountingUnavailable) as error:
        text = "the sums of the stream are not complete and cannot be made now, so counters are loaded later: %s"
        logger.warning(text, error)
    except Exception:
        logger.exception("the sums of the stream are not complete and cannot be made, so some counters stay unloaded")
    finally:
        baseline.release()


def wait() -> None:
    """Wait until the thread has loaded and completed all that was submitted to it."""
    _thread.submit(lambda: None).result()


def _stored(ref: ObjectRef, reply: Any, moment: days.Moment) -> Snapshot:
    stored = snapshot.decode(ref, reply, moment.number)
    assert stored is not None
    return stored


def day_lifetime() -> int:
    """Return the lifetime (s) of a day's counter, which is always past the end of the day."""
    return max(conf.redis_expiration, 2 * 86_400)


def new_epoch() -> str:
    """Return a random name for a new epoch."""
    return secrets.token_hex(4)


def forget_model(app_label: str, model_name: str) -> int:
    """Delete the counters of all objects of a model that was removed, and return the number of deleted keys.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    deleted = 0
    for shard in range(conf.redis_shards):
        sites.check(shard)
        client, keys = connections.sync_client(shard), Keys(shard)
        for kind in ("counter", "unique_counter", "viewed", "day:????????"):
            for name in client.scan_iter(f"{escaped(keys.prefix)}{kind}:{app_label}.{model_name}:*", count=SCAN):
                deleted += client.unlink(name)
    return deleted


def forget(refs: Iterable[ObjectRef]) -> None:
    """Delete the counters of deleted objects.

    A server that did not answer a moment ago is asked all the same, because nothing else deletes them later.

    Raises:
        CountingUnavailable: A server does not answer, or its data set belongs to another site.
    """
    today = days.now().day
    # A day's counter lives as long as every other key that expires.
    stamps = [f"{today - timedelta(days=n):%Y%m%d}" for n in range(conf.redis_expiration // 86_400 + 2)]
    down: dict[breakers.Breaker, Exception] = {}  # by server, which may have several shards
    for shard, group in by_shard(refs).items():
        breaker = breakers.of(shard)
        if breaker in down:
            continue
        try:
            with breaker.insisting():
                client = connections.sync_client(shard)
                sites.check(shard)
                for start in range(0, len(group), AT_ONCE):
                    pipeline = client.pipeline(transaction=False)
                    for ref in group[start : start + AT_ONCE]:
                        pipeline.delete(*{name: None for stamp in stamps for name in Keys(shard).of_ref(ref, stamp)})
                    pipeline.execute()
        except (redis.RedisError, OSError, ForeignDataSet) as error:
            down[breaker] = error
    for first in down.values():
        raise CountingUnavailable(str(first)) from first
