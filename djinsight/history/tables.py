"""Tables: add sums to the tables of totals and rollups, inside a transaction that has locked the cursor."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from django.db import connections, models
from django.db.models.constants import OnConflict

from djinsight import database, days, metrics
from djinsight.conf import conf
from djinsight.history.rollup import Rollup, Sums
from djinsight.metrics import COUNTS, HOURLY, TIMES, Metric
from djinsight.models import OfObject, PageViewHour, PageViewStatistics, PageViewSummary

Types = Mapping[tuple[str, str], int]
Key = tuple[Any, ...]
Row = tuple[Any, ...]

_OBJECT = ("content_type_id", "object_id")


def add(rollup: Rollup, types: Types) -> None:
    """Add ``rollup`` to the tables. ``types`` has the content type id of each model in it."""

    def key(ref: Any, *more: Any) -> Key:
        return types[ref.app_label, ref.model_name], ref.pk, *more

    _add_totals({key(ref): sums for ref, sums in rollup.objects.items()})
    _add_counts(PageViewSummary, "date", COUNTS, {key(*at): sums for at, sums in rollup.days.items()})
    add_hours({key(*at): sums for at, sums in rollup.hours.items()})


def add_hours(sums: Mapping[Key, Sums]) -> None:
    """Add sums to the hourly table. Keys are content type id, object id and hour."""
    _add_counts(PageViewHour, "hour", HOURLY, sums)


def _add_totals(sums: Mapping[Key, Sums]) -> None:
    names = metrics.names((*TIMES, *COUNTS))
    rows = _existing(PageViewStatistics, _OBJECT, names, sums)
    for key, each in sums.items():
        first, last, *counts = rows.get(key, (None, None, *(0,) * len(COUNTS)))
        rows[key] = (
            min(filter(None, (first, days.datetime_of(each.first_ms)))),
            max(filter(None, (last, days.datetime_of(each.last_ms)))),
            *map(operator.add, counts, each.counts()),
        )
    _upsert(PageViewStatistics, _OBJECT, names, rows)


def _add_counts(model: type[OfObject], at: str, counted: Sequence[Metric], sums: Mapping[Key, Sums]) -> None:
    unique, names = (*_OBJECT, at), metrics.names(counted)
    places = [COUNTS.index(metric) for metric in counted]
    rows = _existing(model, unique, names, sums)
    for key, each in sums.items():
        counts = each.counts()
        before = rows.get(key, (0,) * len(counted))
        rows[key] = tuple(number + counts[place] for number, place in zip(before, places, strict=True))
    _upsert(model, unique, names, rows)


def _existing(
    model: type[OfObject], unique: Sequence[str], names: Sequence[str], keys: Mapping[Key, Sums]
) -> dict[Key, Row]:
    """Return the values that the table has under ``keys``, by key."""
    by_type: dict[Any, list[Key]] = {}
    for key in keys:
        by_type.setdefault(key[0], []).append(key)
    found: dict[Key, Row] = {}
    for type_id, group in by_type.items():
        for start in range(0, len(group), conf.batch_size):
            part = group[start : start + conf.batch_size]
            rows = database.rows(model).filter(content_type=type_id, object_id__in={key[1] for key in part})
            if len(unique) == 3:
                rows = rows.filter(**{f"{unique[2]}__range": (min(k[2] for k in part), max(k[2] for k in part))})
            for row in rows.values_list(*unique, *names):
                key = tuple(map(_in_utc, row[: len(unique)]))
                if key in keys:
                    found[key] = row[len(unique) :]
    return found


def _upsert(model: type[OfObject], unique: Sequence[str], names: Sequence[str], rows: Mapping[Key, Row]) -> None:
    """Insert or update ``rows`` with absolute values, as the cursor's lock keeps other transactions from adding.

    ``bulk_create`` with ``update_conflicts`` would do this, too, but would make instances and compile an INSERT.
    """
    connection = connections[database.alias()]
    fields = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in (*unique, *names)]
    columns = [str(field.column) for field in fields]
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    suffix = connection.ops.on_conflict_suffix_sql(
        fields, OnConflict.UPDATE, columns[len(unique) :], columns[: len(unique)]
    )
    table, marks = connection.ops.quote_name(model._meta.db_table), ", ".join(["%s"] * len(columns))
    adapters = [_adapter(field, connection.ops) for field in fields]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({quoted}) VALUES ({marks}) {suffix}",
            [
                [adapt(value) if adapt else value for adapt, value in zip(adapters, key + rows[key], strict=True)]
                for key in sorted(rows)
            ],
        )


def _in_utc(value: Any) -> Any:
    """Return a time in UTC, as the keys have it, and any other value as it is.

    Python compares a time in an hour that its zone has twice as unequal to every time in another zone.
    """
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _adapter(field: models.Field[Any, Any], ops: Any) -> Callable[[Any], Any] | None:
    """Return the function that converts a value of ``field`` for the driver, or None if the driver takes it as it is.

    The function is cached, as the rows of hours and days have few different values.
    """
    if isinstance(field, models.DateTimeField):
        return cache(cast("Callable[[Any], Any]", ops.adapt_datetimefield_value))
    if isinstance(field, models.DateField):
        return cache(cast("Callable[[Any], Any]", ops.adapt_datefield_value))
    return None
