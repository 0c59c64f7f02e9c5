"""Tallies: totals in the database and live, rows of the tables, and losses."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.contrib.contenttypes.models import ContentType
from django.db.models import Sum

from djinsight.counting import live_numbers
from djinsight.models import DataLoss, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef


def persisted(ref: ObjectRef) -> tuple[int, int]:
    """Return total and unique views of ``ref`` in the database."""
    type_id = ContentType.objects.get_by_natural_key(ref.app_label, ref.model_name).pk
    rows = PageViewStatistics.objects.filter(content_type=type_id, object_id=ref.pk)
    return rows.values_list("total_views", "unique_views").first() or (0, 0)


def live(ref: ObjectRef) -> tuple[int, int]:
    """Return total and unique views of ``ref`` as a page shows them."""
    snapshot = live_numbers.read([ref])[ref]
    return snapshot.total_views, snapshot.unique_views


def sums() -> list[int]:
    """Return the views in the log and in each table of sums, which must always be equal."""
    tables = (PageViewStatistics, PageViewSummary, PageViewHour)
    return [PageViewLog.objects.count(), *(t.objects.aggregate(n=Sum("total_views", default=0))["n"] for t in tables)]


def losses() -> list[tuple[str, int | None]]:
    """Return the kind and the number of views of every recorded loss."""
    return list(DataLoss.objects.order_by("pk").values_list("kind", "views"))


def saved(client: redis.Redis) -> Callable[[], None]:
    """Save all data of Redis, and return a function that restores it."""
    dumps = {key: (client.dump(key), max(client.pttl(key), 0)) for key in client.scan_iter()}

    def restore() -> None:
        client.flushall()
        for key, (dump, ttl) in dumps.items():
            client.restore(key, ttl, dump)

    return restore
