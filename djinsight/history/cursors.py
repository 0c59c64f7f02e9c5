"""The cursors' rows, which are the locks: whoever writes the tables of sums holds them, and takes them first."""

from __future__ import annotations

from django.db import connections
from django.utils import timezone

from djinsight import database
from djinsight.conf import conf
from djinsight.models import PersistCursor


def lock(shard: int) -> PersistCursor:
    """The cursor, locked until the end of the transaction. An UPDATE locks in every database, SQLite too."""
    database.rows(PersistCursor).filter(shard=shard).update(moved_at=timezone.now())
    cursor: PersistCursor = database.rows(PersistCursor).get(shard=shard)
    return cursor


def lock_if_free(shard: int) -> PersistCursor | None:
    """The same, or None where somebody else has it. Where the database has no such lock, as SQLite, this waits too."""
    if connections[database.alias()].features.has_select_for_update_skip_locked:
        free = database.rows(PersistCursor).filter(shard=shard).select_for_update(skip_locked=True)
        if not free:
            return None
    return lock(shard)


def lock_cursors_if_free() -> bool:
    """Lock the cursors as ``lock_cursors`` does, or none of them if somebody else has one; returns whether it has.

    A database that cannot tell, as SQLite, waits, or raises django.db.OperationalError if it is told not to wait.
    """
    if connections[database.alias()].features.has_select_for_update_skip_locked:
        rows = database.rows(PersistCursor)
        if len(rows.select_for_update(skip_locked=True)) < rows.count():
            return False
    lock_cursors()
    return True


def lock_cursors() -> None:
    """Keep persist out until the end of the transaction, on every shard: for whoever else writes the same tables."""
    # One by one and in order, so that two who lock all of them never wait for each other; and a write comes first, as
    # SQLite does not let a transaction that has read wait for one that writes.
    _touch(0)
    # Locking rows are read as they are now: at REPEATABLE READ a plain SELECT would fix what is read behind the locks.
    known = set(database.rows(PersistCursor).select_for_update().values_list("shard", flat=True))
    missing = set(range(conf.redis_shards)) - known
    database.rows(PersistCursor).bulk_create([PersistCursor(shard=shard) for shard in missing], ignore_conflicts=True)
    for shard in sorted(known | missing):
        _touch(shard)


def _touch(shard: int) -> None:
    database.rows(PersistCursor).filter(shard=shard).update(shard=shard)
