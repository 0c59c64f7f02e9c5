"""Cleanup: delete old rows of the log in batches. Totals and sums stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from djinsight import database
from djinsight.conf import conf
from djinsight.models import PageViewLog


def older_than(days: int) -> QuerySet[PageViewLog]:
    """Return the log rows of views that are more than ``days`` times 24 hours ago."""
    return database.rows(PageViewLog).filter(timestamp__lt=timezone.now() - timedelta(days=days))


def clean_up(days: int | None = None) -> Iterator[int]:
    """Delete old log rows, the oldest first, and yield the number of deleted rows after each batch.

    A batch is at most ``DJINSIGHT_BATCH_SIZE`` rows. They are deleted by their primary keys in a transaction of their
    own, so no table is locked, and a caller that stops early has deleted whole batches.

    Args:
        days: The age of the rows, in days of 24 hours; None for ``DJINSIGHT_CLEANUP_DAYS``.
    """
    old = older_than(conf.cleanup_days if days is None else days).order_by("timestamp")
    while pks := list(old.values_list("pk", flat=True)[: conf.batch_size]):
        deleted, _ = database.rows(PageViewLog).filter(pk__in=pks).delete()
        yield deleted
