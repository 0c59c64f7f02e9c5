"""What the database has: how far each shard is persisted, and the totals up to there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import blake2b

from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q

from djinsight import database, days
from djinsight.counting.baseline import TRIES, Persisted, Persistence
from djinsight.exceptions import CountingUnavailable
from djinsight.metrics import COUNTS, TIMES
from djinsight.models import PageViewStatistics, PageViewSummary, PersistCursor
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of

logger = logging.getLogger("djinsight.history")


def load(shard: int, refs: Sequence[ObjectRef], moment: days.Moment) -> Persistence:
    """The totals of ``refs`` and the cursor they belong to. Raises CountingUnavailable.

    The cursor moves in the transaction that writes the totals: where it stands the same before and after, what was
    read in between belongs to it, at any isolation level.
    """
    with database.reading():
        before = _cursor(shard)
        for _ in range(TRIES):
            totals = _totals(refs, moment)
            after = _cursor(shard)
            if after == before:
                return Persistence(*before, totals)
            before = after
    raise CountingUnavailable("the database was written to each time it was read")


def identify() -> str:
    """Return what tells our database from another site's: the times of its first migrations, as a hash.

    They are never the same by chance, they are there before the first view, and each process reads the same ones. A
    copy of the database has them too. ``""`` if the database does not answer or is not migrated.
    """
    connection = connections[database.alias()]
    recorder = MigrationRecorder(connection)
    first = Q(app="contenttypes", name="0001_initial") | Q(app="djinsight", name="0001_initial")
    try:
        # A failing query must not spoil the caller's transaction. Without one, a page needs none to read.
        with transaction.atomic(using=connection.alias) if connection.in_atomic_block else nullcontext():
            rows = list(recorder.migration_qs.filter(first).order_by("app").values_list("app", "applied"))
    except DatabaseError as error:
        logger.warning("the database does not tell which one it is: %s", error)
        return ""
    if "djinsight" not in dict(rows):
        return ""
    return blake2b(repr([(app, at.timestamp()) for app, at in rows]).encode(), digest_size=16).hexdigest()


def _cursor(shard: int) -> tuple[str, str, int]:
    row = database.rows(PersistCursor).filter(shard=shard).values_list("epoch", "last_id", "last_seq").first()
    return row or ("", "0-0", 0)


def _totals(refs: Sequence[ObjectRef], moment: days.Moment) -> dict[ObjectRef, Persisted]:
    totals = {ref: Persisted() for ref in refs}
    by_row, where = rows_of(refs)
    if not by_row:
        return totals
    rows = (
        database.rows(PageViewStatistics)
        .filter(where)
        .values_list("content_type_id", "object_id", *(metric.name for metric in (*TIMES, *COUNTS)))
    )
    for type_id, object_id, first, last, total, unique, *more in rows:
        each = totals[by_row[type_id, object_id]]
        each.total_views, each.unique_views, each.more = total, unique, tuple(more)
        each.first_viewed_ms, each.last_viewed_ms = days.to_ms(first), days.to_ms(last)
    today = database.rows(PageViewSummary).filter(where, date=moment.day)
    for type_id, object_id, total in today.values_list("content_type_id", "object_id", "total_views"):
        totals[by_row[type_id, object_id]].views_today = total
    return totals
