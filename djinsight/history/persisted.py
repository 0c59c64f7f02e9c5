"""What the database has: how far each shard is persisted, and the totals up to there."""

from __future__ import annotations

from collections.abc import Sequence

from djinsight import database
from djinsight.beacons.refs import ObjectRef
from djinsight.counting import days
from djinsight.counting.persistence import TRIES, Persisted, Persistence
from djinsight.exceptions import CountingUnavailable
from djinsight.models import PageViewStatistics, PageViewSummary, PersistCursor
from djinsight.rows import rows_of


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
        .values_list("content_type_id", "object_id", "total_views", "unique_views", "first_viewed_at", "last_viewed_at")
    )
    for type_id, object_id, total, unique, first, last in rows:
        each = totals[by_row[type_id, object_id]]
        each.total_views, each.unique_views = total, unique
        each.first_viewed_ms, each.last_viewed_ms = days.to_ms(first), days.to_ms(last)
    today = database.rows(PageViewSummary).filter(where, date=moment.day)
    for type_id, object_id, total in today.values_list("content_type_id", "object_id", "total_views"):
        totals[by_row[type_id, object_id]].views_today = total
    return totals
