"""Adding sums to the tables of totals and rollups. Called inside the transaction that holds the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections, models, router

from djinsight.conf import conf
from djinsight.counting import days
from djinsight.history.rollup import Rollup, Sums
from djinsight.models import PageViewHour, PageViewStatistics, PageViewSummary

Types = Mapping[tuple[str, str], int]
Key = tuple[Any, ...]


def add(rollup: Rollup, types: Types) -> None:
    """Add a rollup; ``types`` has the content type id of every model in it."""

    def key(ref: Any, *more: Any) -> Key:
        return types[ref.app_label, ref.model_name], ref.pk, *more

    _add_totals({key(ref): sums for ref, sums in rollup.objects.items()})
    counts = ("total_views", "unique_views")
    _add_counts(PageViewSummary, "date", counts, {key(*at): sums for at, sums in rollup.days.items()})
    add_hours({key(*at): sums for at, sums in rollup.hours.items()})


def add_hours(sums: Mapping[Key, Sums]) -> None:
    """Add views by content type id, object id and hour."""
    _add_counts(PageViewHour, "hour", ("total_views",), sums)


def _add_totals(sums: Mapping[Key, Sums]) -> None:
    rows = _existing(PageViewStatistics, ("content_type_id", "object_id"), sums)
    for key, each in sums.items():
        row = rows.setdefault(key, PageViewStatistics(content_type_id=key[0], object_id=key[1]))
        first, last = days.to_datetime(each.first_ms), days.to_datetime(each.last_ms)
        row.total_views += each.total_views
        row.unique_views += each.unique_views
        row.first_viewed_at = min(filter(None, (row.first_viewed_at, first)))
        row.last_viewed_at = max(filter(None, (row.last_viewed_at, last)))
    values = ("total_views", "unique_views", "first_viewed_at", "last_viewed_at")
    _upsert(PageViewStatistics, ("content_type", "object_id"), values, rows)


def _add_counts(model: Any, at: str, counts: Sequence[str], sums: Mapping[Key, Sums]) -> None:
    rows = _existing(model, ("content_type_id", "object_id", at), sums)
    for key, each in sums.items():
        row = rows.setdefault(key, model(content_type_id=key[0], object_id=key[1], **{at: key[2]}))
        for count in counts:
            setattr(row, count, getattr(row, count) + getattr(each, count))
    _upsert(model, ("content_type", "object_id", at), counts, rows)


def _existing(model: Any, names: Sequence[str], keys: Mapping[Key, Sums]) -> dict[Key, Any]:
    """The rows that are there under ``keys``, by key."""
    by_type: dict[Any, list[Key]] = {}
    for key in keys:
        by_type.setdefault(key[0], []).append(key)
    found: dict[Key, Any] = {}
    for type_id, group in by_type.items():
        for start in range(0, len(group), conf.batch_size):
            part = group[start : start + conf.batch_size]
            rows = model.objects.filter(content_type=type_id, object_id__in={key[1] for key in part})
            if len(names) == 3:
                rows = rows.filter(**{f"{names[2]}__range": (min(k[2] for k in part), max(k[2] for k in part))})
            for row in rows:
                key = tuple(getattr(row, name) for name in names)
                if key in keys:
                    found[key] = row
    return found


def _upsert(model: type[models.Model], unique: Sequence[str], values: Sequence[str], rows: Mapping[Key, Any]) -> None:
    """Write absolute values: the cursor's lock keeps everybody else from adding at the same time."""
    features = connections[router.db_for_write(model)].features
    new = [rows[key] for key in sorted(rows)]
    for row in new:
        row.pk = None
        row._state.adding = True
    model._default_manager.bulk_create(
        new,
        batch_size=conf.batch_size,
        update_conflicts=True,
        update_fields=values,
        unique_fields=unique if features.supports_update_conflicts_with_target else None,
    )
