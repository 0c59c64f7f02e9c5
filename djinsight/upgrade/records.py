"""Records of the older layout: write them to the log. Each record is one key with one view."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from djinsight import database, days
from djinsight.beacons import visitors
from djinsight.conf import conf
from djinsight.counting import connections, loading, servers
from djinsight.counting.entries import Detail
from djinsight.history import parsing, summaries
from djinsight.history.cursors import lock_cursors
from djinsight.history.parsing import Entry
from djinsight.history.persist import write_views
from djinsight.models import OlderRecord
from djinsight.tracked.content_types import ids_of
from djinsight.tracked.refs import ObjectRef
from djinsight.upgrade import layout, taken
from djinsight.upgrade.layout import OlderKey
from djinsight.upgrade.objects import ref_of


def take(shard: int, keys: Sequence[OlderKey]) -> tuple[int, int]:
    """Write the records under ``keys`` to the log, and delete them from Redis.

    The transaction that writes the views also writes the names of their keys. After the keys are deleted, these names
    are deleted, too. So the next run after a crash finds the names of records that are written already. A run at the
    same time waits for the lock.

    Returns:
        The number of records that were written, and the number of records that cannot be read, which stay.
    """
    names = [key.name for key in keys]
    with database.write():
        lock_cursors()
        known = set(database.rows(OlderRecord).filter(key__in=names).values_list("key", flat=True))
        values = dict(zip(names, connections.sync_client(shard).mget(names), strict=True))
        read = {name: _read(name, value) for name, value in values.items() if value is not None and name not in known}
        entries = {name: entry for name, entry in read.items() if entry is not None}
        _write(list(entries.values()))
        database.rows(OlderRecord).bulk_create([OlderRecord(key=name) for name in entries], batch_size=conf.batch_size)
    delete_taken()
    refs = {entry.ref for entry in entries.values()}
    # Loading replaces a shared counter. One that is still to be imported is loaded after its import.
    loading.load(list(refs - layout.with_counter(shard, refs)))
    return len(entries), len(read) - len(entries)


def delete_taken() -> None:
    """Delete the records that are in the log from Redis, then forget their names.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    while rows := dict(database.rows(OlderRecord).values_list("pk", "key")[: conf.batch_size]):
        for shard in servers.shards():
            connections.sync_client(shard).delete(*rows.values())
        database.rows(OlderRecord).filter(pk__in=rows).delete()


def _write(entries: Sequence[Entry]) -> None:
    if not entries:
        return
    write_views(entries, ids_of({entry.ref for entry in entries}))
    counts: dict[ObjectRef, tuple[int, int]] = {}
    for entry in entries:
        total, unique = counts.get(entry.ref, (0, 0))
        counts[entry.ref] = total + 1, unique + entry.unique
    taken.raise_by(counts)
    # A record does not say if its visitor was new on that day, but the log does.
    for day in sorted({days.at(entry.ms).day for entry in entries}):
        summaries.write_day(day)


def _read(name: str, value: bytes) -> Entry | None:
    """Return the view in a record, or None if it cannot be read or its model is not tracked."""
    try:
        record = json.loads(value)
        ref = ref_of(str(record["content_type"]), str(int(record.get("object_id") or record["page_id"])))
        ms = int(record["timestamp"]) * 1000
        if ref is None or not 0 <= ms < parsing.MAX_MS:
            return None
        view = detail(name[-36:], record, ms)  # the key ends with a UUID
        parsing.check(view)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    unique = 1 if record.get("is_unique") is True else 0
    return Entry("0-0", 0, ref, ms, 1, unique, unique, view)


def detail(view_id: str, record: Mapping[str, Any], ms: int) -> Detail:
    """Return the detail of an older view as this version keeps it: visitor hashed, address truncated.

    Args:
        view_id: The id of the view.
        record: The fields of the older view by name.
        ms: When it was viewed, in Unix milliseconds.
    """
    texts = {field: str(record.get(field) or "") for field in ("url", "referrer", "user_agent", "ip_address")}
    session = str(record.get("session_key") or "")
    visitor = visitors.of_the_past(
        session_key=session if session.isalnum() else "",
        user_agent=texts["user_agent"],
        address=texts["ip_address"],
        day=days.at(ms).number,
    )
    return Detail(view_id, visitor.key, texts["url"], texts["referrer"], visitor.user_agent, visitor.ip_address or None)
