"""Summaries: compute the daily sums again from the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.utils import timezone

from djinsight import database, days
from djinsight.conf import conf
from djinsight.history.cursors import lock_cursors
from djinsight.models import PageViewLog, PageViewStatistics, PageViewSummary

Key = tuple[int, str]


def rebuild(number: int | None = None) -> Iterator[tuple[date, int]]:
    """Compute the sums of the last days again, the oldest day first.

    Days are in the site's time zone. Each day is one transaction, during which persist waits.

    Args:
        number: The number of days, today included; None for ``DJINSIGHT_CLEANUP_DAYS``.

    Yields:
        Each day, with the number of rows that changed.
    """
    today = days.now().day
    for back in reversed(range(conf.cleanup_days if number is None else number)):
        day = today - timedelta(days=back)
        yield day, rebuild_day(day)


def rebuild_day(day: date) -> int:
    """Compute the sums of ``day`` again, and return the number of rows that changed.

    ``unique_views`` becomes the number of different visitors of the object on that day. Persist only adds up the views
    that Redis took for the first one of a visitor that day. If the log has fewer views than a row, log rows were
    deleted or detail was dropped, and the row stays as it is.
    """
    with database.write():
        lock_cursors()
        return write_day(day)


def write_day(day: date) -> int:
    """Compute the sums of ``day`` again, within a transaction of the caller that has locked the cursors."""
    sums = _sums(day)
    rows = {(row.content_type_id, row.object_id): row for row in database.rows(PageViewSummary).filter(date=day)}
    changed = []
    for key, (total, unique) in sums.items():
        row = rows.get(key) or PageViewSummary(content_type_id=key[0], object_id=key[1], date=day)
        if total >= row.total_views and (total, unique) != (row.total_views, row.unique_views):
            row.total_views, row.unique_views = total, unique
            changed.append(row)
    new = [row for row in changed if row.pk is None]
    known = [row for row in changed if row.pk is not None]
    database.rows(PageViewSummary).bulk_create(new, batch_size=conf.batch_size)
    database.rows(PageViewSummary).bulk_update(known, ["total_views", "unique_views"], batch_size=conf.batch_size)
    return len(changed)


def _sums(day: date) -> dict[Key, tuple[int, int]]:
    """Return views and different visitors on ``day`` by object, without deleted objects.

    The statistics of an object are deleted with it, its log rows are not. So log rows that are older than the
    statistics belong to a deleted object that had the same key.
    """
    zone = timezone.get_default_timezone()
    began, ended = (datetime.combine(each, time.min, zone) for each in (day, day + timedelta(days=1)))
    same = {"content_type": OuterRef("content_type"), "object_id": OuterRef("object_id")}
    first = database.rows(PageViewStatistics).filter(**same).values("first_viewed_at")[:1]
    log = database.rows(PageViewLog).filter(timestamp__gte=began, timestamp__lt=ended)
    rows = (
        log.annotate(first=Subquery(first))
        .filter(timestamp__gte=F("first"))
        .values_list("content_type_id", "object_id")
        .annotate(total=Count("pk"), unique=Count("visitor", filter=~Q(visitor=""), distinct=True))
    )
    return {(type_id, object_id): (total, unique) for type_id, object_id, total, unique in rows.order_by()}
