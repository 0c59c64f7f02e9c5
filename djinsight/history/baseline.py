"""Baseline: how far the database has each shard's stream, and the totals up to there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import blake2b

from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q

from djinsight import database, days, metrics
from djinsight.counting.baseline import TRIES, Persisted, Persistence
from djinsight.exceptions import CountingUnavailable
from djinsight.metrics import COUNTS, TIMES
from djinsight.models import PageViewStatistics, PageViewSummary, PersistCursor
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of

logger = logging.getLogger("djinsight.history")


def load(shard: int, refs: Sequence[ObjectRef], moment: days.Moment) -> Persistence:
    """Return the persisted totals of ``refs`` and the cursor that they belong to.

    The cursor moves in the transaction that writes the totals. So totals belong to a cursor that is the same before
    and after they are read, at any isolation level.

    Args:
        shard: The shard of all ``refs``.
        refs: The objects.
        moment: The time that tells the day of today's views.

    Raises:
        CountingUnavailable: The database does not answer, or the cursor moved during each of ``TRIES`` reads.
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
    """Return a hash that tells our database from another site's, or ``""`` if it cannot be read.

    The hash is made of the times of the first migrations. These times are never the same by chance, they are there
    before the first view, and each process reads the same ones. A copy of the database has the same hash. The hash
    cannot be read if the database does not answer or is not migrated.
    """
    connection = connections[database.alias()]
    recorder = MigrationRecorder(connection)
    first = Q(app="contenttypes", name="0001_initial") | Q(app="djinsight", name="0001_initial")
    try:
        # A failing query must not break the caller's transaction. If the caller has none, reading needs none.
        with transaction.atomic(using=connection.alias) if connection.in_atomic_block else nullcontext():
            rows = list(recorder.migration_qs.filter(first).order_by("app").values_list("app", "applied"))
    except DatabaseError as error:
        logger.warning(
            "the database does not answer, so only the secret key proves that the data in Redis is this site's. Check"
            " the database: %s",
            error,
        )
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
        .values_list("content_type_id", "object_id", *metrics.names((*TIMES, *COUNTS)))
    )
    known = []
    for type_id, object_id, first, last, total, unique, *more in rows:
        known.append(by_row[type_id, object_id])
        each = totals[by_row[type_id, object_id]]
        each.total_views, each.unique_views, each.more = total, unique, tuple(more)
        each.first_viewed_ms, each.last_viewed_ms = days.to_ms(first), days.to_ms(last)
    if not known:  # an object with a daily sum has totals, which are written with it
        return totals
    today = database.rows(PageViewSummary).filter(rows_of(known)[1], date=moment.day)
    for type_id, object_id, total in today.values_list("content_type_id", "object_id", "total_views"):
        totals[by_row[type_id, object_id]].views_today = total
    return totals
