"""Our database: the one that has the cursors. What is to be exact is read and written there, whatever a router says."""

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

SLOW = 1.0  # seconds; an error that takes longer than that is not waited for again and again
REST = 5.0  # seconds in which pages do not ask, as the database took so long to fail
SAY_AGAIN = 60.0  # seconds between log lines about the same state

logger = logging.getLogger("djinsight.database")

_rest_until = 0.0  # in the monotonic clock's time, as the next one
_say_from = 0.0
_fails = False


def alias() -> str:
    """Its name in ``DATABASES``, as a router has it for writing."""
    return router.db_for_write(apps.get_model("djinsight", "PersistCursor"))


def rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """The rows of ``model`` there: never those of a replica, which may be behind."""
    return model._default_manager.using(alias())


@contextmanager
def without_waiting() -> Iterator[None]:
    """Let a database that has one writer at a time, as SQLite, say at once that it is taken: OperationalError.

    It waits for 5 s by default. The others have locks that can be asked for without waiting.
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
    """A transaction there that is committed at its end, as what is done in Redis next relies on it.

    Raises RuntimeError within a transaction of somebody else's.
    """
    return transaction.atomic(using=alias(), durable=True)


@contextmanager
def reading() -> Iterator[None]:
    """Read numbers for a page: no error of our database is one of the page.

    Raises:
        CountingUnavailable: The database fails, or took long to fail a moment ago.
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
            logger.warning("the database of the statistics fails, pages show what Redis has: %s", error)
        raise CountingUnavailable(f"the database does not answer: {error}") from error
    if _fails and connections[alias()].connection is not None:  # it was asked, and not a cache before it
        _fails = False
        logger.warning("the database of the statistics answers again")
