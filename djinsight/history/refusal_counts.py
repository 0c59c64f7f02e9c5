"""Refusal counts: the numbers of refusals by reason and day, moved from Redis to the database exactly once."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from django.db.models import F

from djinsight import database, days
from djinsight.counting import connections, refusals, scripts
from djinsight.counting.keys import Keys
from djinsight.counting.loading import new_epoch
from djinsight.counting.refusals import Counts
from djinsight.exceptions import Reason
from djinsight.history.cursors import lock, lock_if_free
from djinsight.models import PersistCursor, RefusalCount


def move(*, wait: bool = True) -> int:
    """Move the counts from Redis to the database, and return the number of refusals.

    A script renames the counts in Redis to a batch with an id. The transaction that adds the batch also writes its id.
    Only then is the batch dropped. So a crash at any point adds nothing twice and loses nothing.

    Args:
        wait: Wait if another worker has locked the cursor; False leaves the counts in Redis.

    Raises:
        redis.RedisError: Redis does not answer.
        django.db.Error: The database fails.
    """
    client, names = connections.sync_client(0), Keys(0)
    if not client.exists(names.refused, names.refused_moving):
        return 0
    database.rows(PersistCursor).get_or_create(shard=0)
    moved = 0
    with database.write():
        cursor = lock(0) if wait else lock_if_free(0)
        if cursor is None:
            return 0
        # The batch is read after the lock is taken. Another worker may have written an earlier batch, and a later one.
        reply = scripts.take_refusals.call(client, [names.refused, names.refused_moving, names.meta], [new_epoch()])
        batch = dict(zip(reply[::2], reply[1::2], strict=True))
        batch_id = batch.pop(b"id", b"")
        name = batch_id.decode("ascii", "replace")[:16]
        if batch and name != cursor.refusals:
            moved = _add(refusals.read(batch))
            cursor.refusals = name
            cursor.save(using=database.alias(), update_fields=["refusals"])
    scripts.drop_refusals.call(client, [names.refused_moving, names.meta], [batch_id])
    return moved


def recent(since_days: int = 7) -> list[tuple[date, Reason, int]]:
    """Return the refusals of the last days by day and reason, with the ones that are still in Redis.

    Args:
        since_days: The number of days, today included.

    Returns:
        Day, reason and number: the newest day first, within a day the most frequent reason first.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    since = days.now().day - timedelta(days=since_days - 1)
    moved = database.rows(PersistCursor).filter(shard=0).values_list("refusals", flat=True).first()
    counts: Counter[tuple[date, str]] = Counter(refusals.pending(moved or ""))
    for row in database.rows(RefusalCount).filter(date__gte=since):
        counts[row.date, row.reason] += row.refused
    rows = [(day, Reason(reason), n) for (day, reason), n in counts.items() if day >= since]
    return sorted(rows, key=lambda row: (-row[0].toordinal(), -row[2], row[1]))


def _add(counts: Counts) -> int:
    for (day, reason), number in counts.items():
        row, _ = database.rows(RefusalCount).get_or_create(date=day, reason=reason)
        database.rows(RefusalCount).filter(pk=row.pk).update(refused=F("refused") + number)
    return sum(counts.values())
