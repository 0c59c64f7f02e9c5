"""Database: the one that has the cursors of persist.

Numbers that must be exact are read and written there, even if a router sends reads elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import Error as DatabaseError
from django.db import connections, models, router, transaction

from djinsight.exceptions import CountingUnavailable

SLOW = 1.0  # seconds; after an error that takes longer, pages stop asking for a while
REST = 5.0  # seconds for which pages do not ask after a slow error
SAY_AGAIN = 60.0  # seconds between two log lines about the same state

logger = logging.getLogger("djinsight.database")

_rest_until = 0.0  # monotonic time, as the next one
_say_from = 0.0
_fails = False


def alias() -> str:
    """Return the alias in ``DATABASES`` of the database to which the routers write the cursors."""
    return router.db_for_write(apps.get_model("djinsight", "PersistCursor"))


def rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """Return the rows of ``model`` in this database, never those of a replica, which may lag behind."""
    return model._default_manager.using(alias())


@contextmanager
def without_waiting() -> Iterator[None]:
    """Make SQLite raise at once within the block if another connection is writing.

    SQLite has one writer at a time, and waits 5 s for it by default. Other databases need nothing here, as they can
    try a row lock without waiting.

    Raises:
        OperationalError: If SQLite is locked; raised by the statement in the block.
    """
    connection = connections[alias()]
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        milliseconds = int(cursor.execute("PRAGMA busy_timeout").fetchone()[0])
        cursor.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")


def write() -> transaction.Atomic:
    """Return a transaction that is committed when its block ends, as later steps in Redis rely on it.

    Raises:
        RuntimeError: If the caller is in a transaction already; raised when the block is entered.
    """
    return transaction.atomic(using=alias(), durable=True)


@contextmanager
def reading() -> Iterator[None]:
    """Turn database errors within the block into CountingUnavailable, so that they do not break a page.

    Raises:
        CountingUnavailable: If the database fails, or failed slowly within the last ``REST`` seconds.
    """
    global _rest_until, _say_from, _fails
    began = time.monotonic()
    if began < _rest_until:
        raise CountingUnavailable("the database of the statistics did not answer a moment ago")
    try:
        yield
    except DatabaseError as error:
        now = time.monotonic()
        if now - began >= SLOW:
            _rest_until = now + REST
        if not _fails or now >= _say_from:
            _fails, _say_from = True, now + SAY_AGAIN
            logger.warning(
                "the database of the statistics fails, so pages show only the numbers that Redis has. Check it: %s",
                error,
            )
        raise CountingUnavailable(f"the database does not answer: {error}") from error
    if _fails and connections[alias()].connection is not None:  # without one, a cache answered and not the database
        _fails = False
        logger.warning("the database of the statistics answers again, so pages show all numbers")
