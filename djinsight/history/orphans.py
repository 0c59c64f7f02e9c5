"""Orphans: statistics and counters of objects that are gone.

The deletion of an object deletes them, too. Some stay: the database or Redis was down, or Django did not delete the
object itself. That is so with a DELETE in SQL, or a cascade in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import redis

from djinsight import database
from djinsight.conf import conf
from djinsight.counting import counted
from djinsight.history import deletion
from djinsight.history.cursors import lock_cursors
from djinsight.models import PageViewStatistics
from djinsight.tracked import content_types
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.history")


def forget() -> int:
    """Delete the statistics and the counters of objects that are gone, and return the number of these objects.

    This takes two queries for each ``DJINSIGHT_BATCH_SIZE`` objects that have statistics, and two for each batch of
    objects that a scan of Redis finds. Persist waits only while rows are deleted.
    """
    forgotten = 0
    for refs in _with_rows():
        forgotten += _forget(refs)
    for shard in range(conf.redis_shards):
        try:
            for refs in counted.refs(shard):
                forgotten += _forget(refs)
        except (redis.RedisError, OSError) as error:
            logger.warning(
                "Redis does not answer, so counters of deleted objects may stay on shard %d until djinsight.cleanup"
                " runs again: %s",
                shard,
                error,
            )
    return forgotten


def _forget(refs: Sequence[ObjectRef]) -> int:
    missing = deletion.missing(refs)
    if missing:
        with database.write():
            lock_cursors()
            deletion.forget_missing(missing)
    return len(missing)


def _with_rows() -> Iterator[list[ObjectRef]]:
    """Yield the objects that have statistics, in batches by the primary key of their rows."""
    rows = database.rows(PageViewStatistics).order_by("pk").values_list("pk", "content_type_id", "object_id")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[: conf.batch_size]):
        last = batch[-1][0]
        found = []
        for _, type_id, object_id in batch:
            app_label, model_name = content_types.manager().get_for_id(type_id).natural_key()
            found.append(ObjectRef(app_label, model_name, object_id))
        yield found
