"""Live numbers: the snapshots of many objects at once, from Redis and, for those that it lacks, the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

import redis

from djinsight import days
from djinsight.conf import conf
from djinsight.counting import baseline, breakers, faults, loading, snapshot, states
from djinsight.counting.baseline import Persisted
from djinsight.counting.keys import by_shard
from djinsight.counting.outside import outside_loop
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable, ForeignDataSet
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.counting")


def read(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Return the live numbers of ``refs`` for a page.

    This takes one round trip to each shard of Redis, and one read of the database for the objects that Redis lacks. If
    a server does not answer, the numbers are the persisted ones, and the server is not asked again for a few seconds.
    Numbers that the database does not give either are zeros. No error of Redis or the database is raised.
    """
    known: dict[ObjectRef, Snapshot | None] = dict.fromkeys(refs)
    if conf.testing:
        return _persisted(list(known))
    for shard, group in by_shard(known).items():
        breaker, state = breakers.of(shard), f"reading shard {shard} for pages"
        try:
            with breaker.asking():
                known.update(snapshot.read(group))
            cold = [ref for ref in group if known[ref] is None]
            if cold:
                with breaker.asking():
                    known.update(outside_loop(loading.load, cold))
            states.over(state)
        except breakers.Resting:
            continue
        except (redis.RedisError, OSError) as error:
            text = "Redis does not answer, so pages show persisted numbers: %s"
            states.failing(logger, state, text, faults.described(error))
        except ForeignDataSet as error:
            logger.debug("%s, so pages show persisted numbers", error)  # sites.py has logged it as an error once
        except CountingUnavailable as error:
            states.failing(logger, state, "pages show persisted numbers: %s", error)
    lacking = [ref for ref, each in known.items() if each is None]
    persisted = _persisted(lacking) if lacking else {}
    return {ref: each or persisted[ref] for ref, each in known.items()}


async def aread(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Return the live numbers of ``refs`` on the socket path, without those that cannot be read now.

    The result lacks the objects of a Redis server that does not answer, and objects that neither Redis nor the
    database gives.

    Raises:
        CountingUnavailable: No server of Redis answers, or the data set is another site's.
    """
    groups = list(by_shard(dict.fromkeys(refs)).values())
    # All shards at the same time, so that several that hang cost one timeout.
    answers = await asyncio.gather(*map(snapshot.aread, groups), return_exceptions=True)
    known: dict[ObjectRef, Snapshot | None] = {}
    failed: BaseException | None = None
    for answer in answers:
        if isinstance(answer, (redis.RedisError, OSError, ForeignDataSet)):
            failed = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            known |= answer
    if failed is not None:
        if not known:
            raise failed if isinstance(failed, ForeignDataSet) else CountingUnavailable(str(failed)) from failed
        text = "Redis does not answer for some objects, so pages get no new counters of them: %s"
        states.failing(logger, "reading some shards for sockets", text, faults.described(failed))
    warm = {ref: each for ref, each in known.items() if each is not None}
    cold = [ref for ref in known if ref not in warm]
    if not cold:
        return warm
    try:
        found = warm | await loading.aload(cold)
        return {ref: found[ref] for ref in known}
    except CountingUnavailable as error:
        text = "%d counters could not be loaded, so pages do not get them yet: %s"
        states.failing(logger, "loading for sockets", text, len(cold), error)
        return warm


def _persisted(refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
    """Return the numbers of the database alone; zeros if it does not answer, because a page must not fail."""
    moment = days.now()
    found: dict[ObjectRef, Snapshot] = {}
    for shard, group in by_shard(refs).items():
        try:
            numbers = outside_loop(baseline.read, shard, group, moment).totals
        except CountingUnavailable as error:
            text = "Redis and the database do not give the numbers of %d objects, so pages show 0: %s"
            states.failing(logger, "reading persisted numbers", text, len(group), error)
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
                each.more,
            )
    return found
