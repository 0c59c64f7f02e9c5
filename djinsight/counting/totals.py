"""Totals: the numbers of any object, also of one that Redis does not know (yet, or any more).

A counter that is missing in Redis is not zero: it is what the database has, plus what is still in the stream. This
room knows no tables; the function that reads the database is handed to ``use`` when the app is wired.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import redis

from djinsight.beacons.refs import ObjectRef
from djinsight.conf import conf
from djinsight.counting import connections, days, entries, scripts, snapshot
from djinsight.counting.keys import Keys, shard_of
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable

logger = logging.getLogger("djinsight.counting")

SCAN = 1000  # stream entries a read
AT_ONCE = 500  # objects a script call
TRIES = 5  # times the database is read again because a worker wrote it meanwhile
LOAD_WITHIN = 5.0  # seconds that a socket's reader waits for the database
PAUSE = 5.0  # seconds without asking Redis after it did not answer


@dataclass(slots=True)
class Persisted:
    """What the database has of one object; times in Unix ms."""

    total_views: int = 0
    unique_views: int = 0
    views_today: int = 0
    first_viewed_ms: int | None = None
    last_viewed_ms: int | None = None

    def add(self, views: int, uniques: int, ms: int, today: bool) -> None:
        self.total_views += views
        self.unique_views += uniques
        self.views_today += views if today else 0
        self.first_viewed_ms = ms if self.first_viewed_ms is None else min(self.first_viewed_ms, ms)
        self.last_viewed_ms = ms if self.last_viewed_ms is None else max(self.last_viewed_ms, ms)


@dataclass(slots=True)
class Persistence:
    """The database at one moment: how far one shard is persisted, and the totals up to there."""

    epoch: str
    last_id: str
    last_seq: int
    totals: dict[ObjectRef, Persisted] = field(default_factory=dict)


Loader = Callable[[int, Sequence[ObjectRef], days.Moment], Persistence]

_loader: Loader | None = None
_release: Callable[[], None] | None = None
_redis_back_at = 0.0
# One thread: a cold object is loaded once, and loading never competes with the requests for threads.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="djinsight-totals")


def use(loader: Loader, release: Callable[[], None]) -> None:
    """Read the database with ``loader(shard, refs, today)`` from now on.

    ``release`` is called before and after in the thread that loads for the socket path, as a server does around a
    request: it lets go of database connections that are too old.
    """
    global _loader, _release
    _loader, _release = loader, release


def ask_redis_again() -> None:
    """Forget that Redis did not answer a moment ago."""
    global _redis_back_at
    _redis_back_at = 0.0


def read(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """The live numbers of ``refs``: one round trip to Redis, and one look at the database for what it lacks.

    With Redis down the persisted numbers, without asking it again for a few seconds; those that neither has are zeros.
    Raises nothing of either.
    """
    global _redis_back_at
    known: dict[ObjectRef, Snapshot | None] = dict.fromkeys(refs)
    if known and time.monotonic() >= _redis_back_at:
        try:
            known = snapshot.read(known)
            cold = [ref for ref, each in known.items() if each is None]
            known.update(load(cold) if cold else {})
        except (redis.RedisError, OSError) as error:
            logger.warning("Redis does not answer, showing persisted numbers: %s", error)
            _redis_back_at = time.monotonic() + PAUSE
        except CountingUnavailable as error:
            logger.warning("%s", error)
    lacking = [ref for ref, each in known.items() if each is None]
    persisted = _persisted(lacking) if lacking else {}
    return {ref: each or persisted[ref] for ref, each in known.items()}


async def aread(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """The live numbers of ``refs`` on the socket path, without those that the database has to give and does not.

    Raises CountingUnavailable where Redis does not answer.
    """
    try:
        known = await snapshot.aread(refs)
    except (redis.RedisError, OSError) as error:
        raise CountingUnavailable(str(error)) from error
    warm = {ref: each for ref, each in known.items() if each is not None}
    cold = [ref for ref in known if ref not in warm]
    if not cold:
        return warm
    try:
        found = warm | await aload(cold)
        return {ref: found[ref] for ref in known}
    except CountingUnavailable as error:
        logger.warning("%d counters could not be loaded: %s", len(cold), error)
        return warm


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
    if _release is None:
        return load(refs)
    _release()
    try:
        return load(refs)
    finally:
        _release()


def load(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Load the counters of ``refs`` into Redis. Raises CountingUnavailable or redis.RedisError."""
    shards: dict[int, list[ObjectRef]] = {}
    for ref in refs:
        shards.setdefault(shard_of(ref), []).append(ref)
    found: dict[ObjectRef, Snapshot] = {}
    for shard, group in shards.items():
        found.update(_load_shard(shard, group))
    return found


def _load_shard(shard: int, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    client = connections.sync_client(shard)
    for _ in range(TRIES):
        moment = days.now()
        found: dict[ObjectRef, Snapshot] = {}
        persistence = _read_database(shard, refs, moment)
        read = _add_pending(client, shard, persistence, moment)
        for start in range(0, len(refs), AT_ONCE):
            part = refs[start : start + AT_ONCE]
            reply = _store(client, shard, part, persistence, read, moment)
            if reply == b"stale":
                break
            found.update((ref, _stored(ref, each, moment)) for ref, each in zip(part, reply, strict=True))
        else:
            return found
    raise CountingUnavailable("the database was written to each time it was read")


def _read_database(shard: int, refs: Sequence[ObjectRef], moment: days.Moment) -> Persistence:
    if _loader is None:
        raise CountingUnavailable("expected djinsight in INSTALLED_APPS but its app is not ready")
    return _loader(shard, refs, moment)


def _add_pending(client: Any, shard: int, persistence: Persistence, moment: days.Moment) -> tuple[str, str]:
    """Add what the stream holds beyond the cursor; the epoch it was read in, and the id of the last entry read.

    Read page by page, as a script that walks a long stream would hold everybody up; what comes in meanwhile is
    left to the script, and so are the views of tomorrow, from where the first of them is.
    """
    keys = Keys(shard)
    epoch = (client.hget(keys.meta, "epoch") or b"").decode()
    # Also in another epoch: of what is before the cursor it is not known whether it is persisted. Persist finds out.
    at, day_began, day_ends = persistence.last_id, moment.day_began_ms, moment.day_ends_ms
    by_name = {str(ref).encode(): totals for ref, totals in persistence.totals.items()}
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
    persistence: Persistence,
    read: tuple[str, str],
    moment: days.Moment,
) -> Any:
    """Together, because the script walks what the stream has got since it was read."""
    keys = Keys(shard)
    common = [new_epoch(), persistence.epoch, persistence.last_seq, *read]
    day = [moment.number, moment.day_began_ms, moment.day_ends_ms, day_lifetime()]
    of_refs: list[Any] = []
    for ref in refs:
        totals = persistence.totals[ref]
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


def _persisted(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """The numbers of the database alone; zeros where it does not give them either, as no page may break by it."""
    moment = days.now()
    shards: dict[int, list[ObjectRef]] = {}
    for ref in refs:
        shards.setdefault(shard_of(ref), []).append(ref)
    found: dict[ObjectRef, Snapshot] = {}
    for shard, group in shards.items():
        try:
            numbers = _read_database(shard, group, moment).totals
        except CountingUnavailable as error:
            logger.warning("neither Redis nor the database has the numbers of %d objects: %s", len(group), error)
            numbers = {ref: Persisted() for ref in group}
        for ref, each in numbers.items():
            found[ref] = Snapshot(
                ref,
                each.total_views,
                each.unique_views,
                each.views_today,
                each.first_viewed_ms,
                each.last_viewed_ms,
                moment.number,
            )
    return found


def day_lifetime() -> int:
    """Seconds that a day's counter is kept: past the end of the day in every case."""
    return max(conf.redis_expiration, 2 * 86_400)


def new_epoch() -> str:
    """A name for the life of one data set of Redis."""
    return secrets.token_hex(4)


def forget(refs: Iterable[ObjectRef]) -> None:
    """Delete the counters of deleted objects. Raises CountingUnavailable, without asking while Redis is down."""
    global _redis_back_at
    if time.monotonic() < _redis_back_at:
        raise CountingUnavailable("Redis did not answer a moment ago")
    today = days.now().day
    # A day's counter lives as long as every key that expires.
    stamps = [f"{today - timedelta(days=n):%Y%m%d}" for n in range(conf.redis_expiration // 86_400 + 2)]
    try:
        for ref in refs:
            shard = shard_of(ref)
            names = {name: None for stamp in stamps for name in Keys(shard).of_ref(ref, stamp)}
            connections.sync_client(shard).delete(*names)
    except (redis.RedisError, OSError) as error:
        _redis_back_at = time.monotonic() + PAUSE
        raise CountingUnavailable(str(error)) from error
