"""Cursors: their rows are the locks. Code that writes the tables of sums takes and holds these locks first."""

from __future__ import annotations

from django.db import connections
from django.utils import timezone

from djinsight import database
from djinsight.conf import conf
from djinsight.models import PersistCursor


def lock(shard: int) -> PersistCursor:
    """Return the cursor, locked until the end of the transaction. An UPDATE locks in every database, also in SQLite."""
    database.rows(PersistCursor).filter(shard=shard).update(moved_at=timezone.now())
    cursor: PersistCursor = database.rows(PersistCursor).get(shard=shard)
    return cursor


def lock_if_free(shard: int) -> PersistCursor | None:
    """Return the cursor as ``lock`` does, or None if another transaction has locked it.

    A database that cannot skip locked rows, such as SQLite, waits for the lock.
    """
    if connections[database.alias()].features.has_select_for_update_skip_locked:
        free = database.rows(PersistCursor).filter(shard=shard).select_for_update(skip_locked=True)
        if not free:
            return None
    return lock(shard)


def lock_cursors_if_free() -> bool:
    """Lock the cursors as ``lock_cursors`` does, and return True.

    If another transaction has locked one of them, lock none, and return False.

    A database that cannot skip locked rows, such as SQLite, waits for the locks.

    Raises:
        django.db.OperationalError: Such a database is told not to wait.
    """
    if connections[database.alias()].features.has_select_for_update_skip_locked:
        rows = database.rows(PersistCursor)
        if len(rows.select_for_update(skip_locked=True)) < rows.count():
            return False
    lock_cursors()
    return True


def lock_cursors() -> None:
    """Lock the cursors of all shards until the end of the transaction, so that persist waits.

    Other code that writes the same tables calls this first.
    """
    # The cursors are locked one by one and in order, so that two transactions never wait for each other. A write comes
    # first, because SQLite lets no transaction that has read wait for one that writes.
    _touch(0)
    # A locking read returns the rows as they are now. At REPEATABLE READ a plain SELECT would take the snapshot of the
    # transaction too early, before it has the locks.
    known = set(database.rows(PersistCursor).select_for_update().values_list("shard", flat=True))
    missing = set(range(conf.redis_shards)) - known
    database.rows(PersistCursor).bulk_create([PersistCursor(shard=shard) for shard in missing], ignore_conflicts=True)
    for shard in sorted(known | missing):
        _touch(shard)


def _touch(shard: int) -> None:
    database.rows(PersistCursor).filter(shard=shard).update(shard=shard)
