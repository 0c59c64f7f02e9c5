"""Our database: the one that has the cursors. What is to be exact is read and written there, whatever a router says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType, ContentTypeManager
from django.db import connections, models, router, transaction


def alias() -> str:
    """Its name in ``DATABASES``, as a router has it for writing."""
    return router.db_for_write(apps.get_model("djinsight", "PersistCursor"))


def rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """The rows of ``model`` there: never those of a replica, which may be behind."""
    return model._default_manager.using(alias())


def content_types() -> ContentTypeManager:
    """The content types there, which our rows refer to."""
    manager: ContentTypeManager = ContentType.objects.db_manager(alias())
    return manager


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
