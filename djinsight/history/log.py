"""Log: insert many rows at once, in the fastest way that the database has.

Making model instances and calling ``bulk_create`` would take five times as long as the database takes to store the
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from django.db import Error as DatabaseError
from django.db import connections, transaction

from djinsight import database, days
from djinsight.beacons import beacon
from djinsight.conf import conf
from djinsight.counting.entries import Detail
from djinsight.history.parsing import Entry
from djinsight.models import PageViewLog

Row = tuple[Any, ...]

COLUMNS = ("content_type_id", "object_id", *Detail._fields, "timestamp", "is_unique")


def write(entries: Sequence[Entry], types: Mapping[tuple[str, str], int]) -> None:
    """Add a row for each view of ``entries`` that has its detail.

    The character set of a database or connection may lack characters that a client sends, such as MySQL's "utf8" and
    PostgreSQL's LATIN1. Such a database gets the strings in ASCII, so that no view stops its neighbours.

    Args:
        entries: The views.
        types: The content type id of each model in ``entries``, by app label and model name.

    Raises:
        django.db.Error: The database fails for another reason.
    """
    try:
        with transaction.atomic(using=database.alias()):
            _insert(_rows(entries, types))
    except DatabaseError:
        plain = [entry if entry.detail is None else entry._replace(detail=_in_ascii(entry.detail)) for entry in entries]
        if plain == list(entries) or connections[database.alias()].needs_rollback:
            raise  # the error has another reason, or has broken the transaction
        _insert(_rows(plain, types))


def _insert(rows: Iterator[Row]) -> None:
    connection = connections[database.alias()]
    table, columns = (connection.ops.quote_name(PageViewLog._meta.db_table), _columns(connection))
    with connection.cursor() as cursor:
        # psycopg 3 has ``copy``, psycopg 2 does not.
        if connection.vendor == "postgresql" and hasattr(cursor.cursor, "copy"):
            # Django wraps the errors of the call only.
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
        while part := list(islice(rows, conf.batch_size)):
            cursor.executemany(insert, part)


def _in_ascii(detail: Detail) -> Detail:
    """Return ``detail`` in ASCII: URLs percent-encoded, as browsers do, and "?" for each such character elsewhere."""
    if "".join(filter(None, detail)).isascii():
        return detail
    plain = Detail._make(text and text.encode("ascii", "replace").decode() for text in detail)
    return plain._replace(url=_encoded(detail.url), referrer=_encoded(detail.referrer))


def _encoded(url: str) -> str:
    return url if url.isascii() else quote(url, safe=_PRINTABLE)[: beacon.MAX_URL]


_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def _columns(connection: Any) -> str:
    return ", ".join(map(connection.ops.quote_name, COLUMNS))


def _rows(entries: Iterable[Entry], types: Mapping[tuple[str, str], int]) -> Iterator[Row]:
    adapt = connections[database.alias()].ops.adapt_datetimefield_value
    at, timestamp = None, None
    for _, _, ref, ms, _, unique, _, detail, _ in entries:
        if detail is None:
            continue
        if ms != at:  # views that were counted together share their time
            at, timestamp = ms, adapt(days.datetime_of(ms))
        # A boolean, as psycopg 2 writes 1 as a number, which PostgreSQL does not take for a boolean.
        yield types[ref.app_label, ref.model_name], ref.pk, *detail, timestamp, unique == 1
