"""The log: many rows at once, by the shortest way that the database has.

Model instances and ``bulk_create`` take five times as long as the database takes to store the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import connections

from djinsight import database
from djinsight.conf import conf
from djinsight.counting import days
from djinsight.counting.entries import Detail
from djinsight.history.stream import Entry
from djinsight.models import PageViewLog

Row = tuple[Any, ...]

COLUMNS = ("content_type_id", "object_id", *Detail._fields, "timestamp", "is_unique")


def write(entries: Sequence[Entry], types: Mapping[tuple[str, str], int]) -> None:
    """Add a row for each view of ``entries`` that has its detail; ``types`` has the content type id of every model."""
    connection = connections[database.alias()]
    table, columns = (connection.ops.quote_name(PageViewLog._meta.db_table), _columns(connection))
    rows = _rows(entries, types, connection.ops.adapt_datetimefield_value)
    with connection.cursor() as cursor:
        # psycopg 3 has it, psycopg 2 has not.
        if connection.vendor == "postgresql" and hasattr(cursor.cursor, "copy"):
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
        while part := list(islice(rows, conf.batch_size)):
            cursor.executemany(insert, part)


def _columns(connection: Any) -> str:
    return ", ".join(map(connection.ops.quote_name, COLUMNS))


def _rows(entries: Iterable[Entry], types: Mapping[tuple[str, str], int], adapt: Any) -> Iterator[Row]:
    at, timestamp = None, None
    for _, _, ref, ms, _, unique, _, detail in entries:
        if detail is None:
            continue
        if ms != at:  # views that were counted together share their time
            at, timestamp = ms, adapt(days.datetime_of(ms))
        # psycopg 2 writes a number as a number, which PostgreSQL does not take for a boolean.
        yield types[ref.app_label, ref.model_name], ref.pk, *detail, timestamp, unique == 1
