"""Tables: convert those of djinsight 0.3 and 0.4, which have the same names as ours but other columns.

There are three steps, each of which can be started again:

1. The older tables get other names, and their migrations are deleted from Django's list of applied ones.
2. ``migrate`` makes our tables.
3. The older rows are moved in batches, each in one transaction with its deletion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.apps.registry import Apps
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from djinsight import database, days
from djinsight.conf import conf
from djinsight.history import tables
from djinsight.history.cursors import lock_cursors
from djinsight.history.rollup import Sums, add
from djinsight.models import OlderViews, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked import content_types
from djinsight.tracked.registry import tracked_model
from djinsight.upgrade import records

_apart = Apps()  # a separate registry, so that migrations and the admin do not see these models


class Older(models.Model):
    """A table of the older package, under its other name."""

    id = models.BigAutoField(primary_key=True)
    content_type_id = models.BigIntegerField()
    object_id = models.BigIntegerField()

    class Meta:
        abstract = True
        apps = _apart
        app_label = "djinsight"
        managed = False


class OlderStatistics(Older):
    """The totals of an object in the older package."""

    total_views = models.BigIntegerField()
    unique_views = models.BigIntegerField()
    first_viewed_at = models.DateTimeField(null=True)
    last_viewed_at = models.DateTimeField(null=True)

    class Meta(Older.Meta):
        db_table = "djinsight_older_statistics"


class OlderSummary(Older):
    """The views of an object on one day in the older package."""

    date = models.DateField()
    total_views = models.BigIntegerField()
    unique_views = models.BigIntegerField()

    class Meta(Older.Meta):
        db_table = "djinsight_older_summary"


class OlderEvent(Older):
    """One view in the older package."""

    url = models.TextField()
    session_key = models.TextField()
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.TextField(null=True)
    referrer = models.TextField(null=True)
    timestamp = models.DateTimeField()
    is_unique = models.BooleanField()

    class Meta(Older.Meta):
        db_table = "djinsight_older_event"


NAMES: dict[Any, str] = {
    OlderStatistics: "djinsight_pageviewstatistics",
    OlderSummary: "djinsight_pageviewsummary",
    OlderEvent: "djinsight_pageviewevent",
}


def is_needed() -> bool:
    """Return whether there are tables of the older package, or an upgrade that has not ended."""
    return _has(NAMES[OlderEvent]) or bool(_renamed())


def is_too_old() -> bool:
    """Return whether the tables are those of 0.1, which only 0.4 can migrate."""
    connection = connections[database.alias()]
    if not _has("djinsight_pageviewlog"):
        return False
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, "djinsight_pageviewlog")
    return any(column.name == "page_id" for column in columns)


def rename_older() -> None:
    """Give the older tables other names, and delete the migrations of the older package from the applied ones."""
    connection = connections[database.alias()]
    quote = connection.ops.quote_name
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for model, name in NAMES.items():
            # Copied, because a renamed table keeps its indexes, and some of ours have the same names.
            kept = model._meta.db_table
            cursor.execute(f"CREATE TABLE {quote(kept)} AS SELECT * FROM {quote(name)}")
            cursor.execute(f"CREATE UNIQUE INDEX {quote(f'{kept}_pk')} ON {quote(kept)} ({quote('id')})")
            cursor.execute(f"DROP TABLE {quote(name)}")
        MigrationRecorder(connection).migration_qs.filter(app="djinsight").delete()


def upgrade() -> Iterator[int]:
    """Do the remaining steps, and yield how many rows each batch moved.

    Raises:
        django.db.Error: The database does not answer. The upgrade can be started again.
    """
    if not _renamed():
        rename_older()
    call_command("migrate", "djinsight", database=database.alias(), verbosity=0, interactive=False)
    for model in _renamed():
        while moved := _move(model):
            yield moved
        with connections[database.alias()].cursor() as cursor:
            cursor.execute(f"DROP TABLE {connections[database.alias()].ops.quote_name(model._meta.db_table)}")


def rows() -> int:
    """Return the number of rows that are still to be moved."""
    names = {model: model._meta.db_table if _has(model._meta.db_table) else name for model, name in NAMES.items()}
    connection = connections[database.alias()]
    total = 0
    with connection.cursor() as cursor:
        for name in names.values():
            if _has(name):
                cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(name)}")
                total += cursor.fetchone()[0]
    return total


def _has(table: str) -> bool:
    return table in connections[database.alias()].introspection.table_names()


def _renamed() -> list[Any]:
    there = set(connections[database.alias()].introspection.table_names())
    return [model for model in NAMES if model._meta.db_table in there]


def _move(model: Any) -> int:
    with database.write():
        lock_cursors()
        batch: list[Any] = list(database.rows(model).order_by("pk")[: conf.batch_size])
        if batch:
            _WRITE[model](batch)
            database.rows(model).filter(pk__in=[row.pk for row in batch]).delete()
    return len(batch)


def _write_statistics(batch: Sequence[Any]) -> None:
    """Add to the totals, and note the imported views, because counters in Redis have these views, too."""
    for row in batch:
        type_id, object_id = _target(row)
        found, _ = database.rows(PageViewStatistics).get_or_create(content_type_id=type_id, object_id=object_id)
        found.total_views += row.total_views
        found.unique_views += row.unique_views
        first, last = (row.first_viewed_at, found.first_viewed_at), (row.last_viewed_at, found.last_viewed_at)
        found.first_viewed_at = min(filter(None, first), default=None)
        found.last_viewed_at = max(filter(None, last), default=None)
        found.save(using=database.alias())
        taken, _ = database.rows(OlderViews).get_or_create(content_type_id=type_id, object_id=object_id)
        taken.total_views += row.total_views
        taken.unique_views += row.unique_views
        taken.save(using=database.alias())


def _write_summaries(batch: Sequence[Any]) -> None:
    for row in batch:
        type_id, object_id = _target(row)
        found, _ = database.rows(PageViewSummary).get_or_create(
            content_type_id=type_id, object_id=object_id, date=row.date
        )
        found.total_views += row.total_views
        found.unique_views += row.unique_views
        found.save(using=database.alias())


def _write_events(batch: Sequence[Any]) -> None:
    log = []
    hours: dict[Any, Sums] = {}
    for row in batch:
        type_id, object_id = _target(row)
        ms = days.to_ms(row.timestamp) or 0
        detail = records.detail(f"older-{row.pk}", vars(row), ms)
        log.append(
            PageViewLog(
                content_type_id=type_id,
                object_id=object_id,
                view_id=detail.view_id,
                url=detail.url,
                referrer=detail.referrer,
                visitor=detail.visitor,
                ip_address=detail.ip_address or None,
                user_agent=detail.user_agent,
                timestamp=row.timestamp,
                is_unique=row.is_unique,
            )
        )
        hour = datetime.fromtimestamp(ms // 3_600_000 * 3600, UTC)
        add(hours, (type_id, object_id, hour), Sums(1, 0, ms, ms))
    database.rows(PageViewLog).bulk_create(log, batch_size=conf.batch_size)
    tables.add_hours(hours)


_WRITE = {OlderStatistics: _write_statistics, OlderSummary: _write_summaries, OlderEvent: _write_events}


def _target(row: Any) -> tuple[int, str]:
    """Return the content type and object id for a row.

    An object of multi-table inheritance has those of its topmost parent with the mixin.
    """
    model = content_types.manager().get_for_id(row.content_type_id).model_class()
    if model is None:
        return row.content_type_id, str(row.object_id)
    return content_types.manager().get_for_model(tracked_model(model)).pk, str(row.object_id)
