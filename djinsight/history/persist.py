"""Persist: the stream into the database, exactly once.

In one transaction the cursor moves and the views behind it become log rows, totals and rollups; only after its
commit the stream is trimmed. A crash anywhere repeats nothing and loses nothing, and workers that run at the same
time wait for each other at the cursor's row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import redis
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone

from djinsight.beacons.refs import ObjectRef
from djinsight.conf import conf
from djinsight.counting import days, totals
from djinsight.history import deletion, stream, tables
from djinsight.history.rollup import roll_up
from djinsight.history.stream import BadEntry, Entry
from djinsight.models import DataLoss, DeadLetter, PageViewLog, PersistCursor

logger = logging.getLogger("djinsight.history")

MAX_ENTRIES = 20_000  # stream entries a transaction
MAX_RUN = 2_000_000  # stream entries a run and shard; a backlog beyond it is for the next run


@dataclass(slots=True)
class Drained:
    """What one run wrote."""

    entries: int = 0
    views: int = 0
    dead_letters: int = 0
    losses: list[str] = field(default_factory=list)

    def add(self, other: Drained) -> None:
        self.entries += other.entries
        self.views += other.views
        self.dead_letters += other.dead_letters
        self.losses += other.losses


def persist() -> Drained:
    """Write everything that is counted and not yet written. Raises redis.RedisError, django.db.Error."""
    drained = Drained()
    for part in batches():
        drained.add(part)
    return drained


def batches(limit: int = MAX_ENTRIES) -> Iterator[Drained]:
    """The same, at most ``limit`` entries a transaction; yields what each one wrote."""
    for shard in range(conf.redis_shards):
        for _ in range(-(-MAX_RUN // limit)):
            part = drain(shard, limit)
            yield part
            if part.entries < limit:
                break


def drain(shard: int, limit: int = MAX_ENTRIES) -> Drained:
    """Write the next entries of one shard, at most ``limit``, in one transaction."""
    if stream.head(shard) is None:
        return Drained()
    stream.spill(shard)
    PersistCursor.objects.get_or_create(shard=shard)
    with transaction.atomic():
        cursor = _lock(shard)
        drained, new_epoch = _write(cursor, limit)
    if new_epoch:
        stream.begin_epoch(shard, cursor.epoch)
    try:
        stream.trim(shard, cursor.epoch, cursor.last_id)
    except redis.RedisError as error:
        logger.warning("the stream is persisted but not yet trimmed: %s", error)
    for loss in drained.losses:
        logger.error("data loss on shard %d: %s", shard, loss)
    return drained


def _lock(shard: int) -> PersistCursor:
    """The cursor, locked until the end of the transaction. An UPDATE locks in every database, SQLite too."""
    PersistCursor.objects.filter(shard=shard).update(moved_at=timezone.now())
    return PersistCursor.objects.get(shard=shard)


def lock_cursors() -> None:
    """Keep persist out until the end of the transaction, on every shard: for whoever else writes the same tables."""
    # One by one and in order, so that two who lock all of them never wait for each other; and a write comes first, as
    # SQLite does not let a transaction that has read wait for one that writes.
    _touch(0)
    known = set(PersistCursor.objects.values_list("shard", flat=True))
    missing = set(range(conf.redis_shards)) - known
    PersistCursor.objects.bulk_create([PersistCursor(shard=shard) for shard in missing], ignore_conflicts=True)
    for shard in sorted(known | missing):
        _touch(shard)


def _touch(shard: int) -> None:
    PersistCursor.objects.filter(shard=shard).update(shard=shard)


def _write(cursor: PersistCursor, limit: int) -> tuple[Drained, bool]:
    """Write a batch and move ``cursor`` behind it. Also returns whether Redis is to begin a new epoch."""
    head = stream.head(cursor.shard)
    if head is None:
        return Drained(), False
    drained = Drained()
    rolled_back = False
    if cursor.epoch != head.epoch:
        if cursor.epoch:
            _lose(drained, cursor, DataLoss.Kind.EPOCH, None)
            cursor.suspect_until = stream.last_id(cursor.shard)
        cursor.epoch, cursor.last_id, cursor.last_seq = head.epoch, "0-0", 0
    elif head.seq < cursor.last_seq or _first_seq(cursor) <= cursor.last_seq:
        rolled_back = True
        _lose(drained, cursor, DataLoss.Kind.ROLLBACK, None)
        cursor.suspect_until = stream.last_id(cursor.shard)
        cursor.epoch, cursor.last_id, cursor.last_seq = totals.new_epoch(), "0-0", 0
    batch = list(stream.after(cursor.shard, cursor.last_id, limit))
    after = stream.head(cursor.shard)
    if after is None or after.epoch != head.epoch:
        raise redis.RedisError("Redis began anew while the stream was read")
    _check_sequence(drained, cursor, batch)
    if batch:
        cursor.last_id = batch[-1].entry_id
    good = _without_known(cursor, [entry for entry in batch if isinstance(entry, Entry)])
    bad = [entry for entry in batch if isinstance(entry, BadEntry)]
    types = _content_types({entry.ref for entry in good})
    orphans = [entry for entry in good if (entry.ref.app_label, entry.ref.model_name) not in types]
    bad += [
        BadEntry(entry.entry_id, entry.seq, repr(entry).encode(), "expected an installed model") for entry in orphans
    ]
    good = [entry for entry in good if (entry.ref.app_label, entry.ref.model_name) in types]
    _write_views(good, types)
    _write_dead_letters(cursor, bad)
    shed = sum(entry.views for entry in good if entry.detail is None)
    if shed:
        _lose(drained, cursor, DataLoss.Kind.SHED, shed)
    cursor.save()
    drained.entries = len(batch)
    drained.views = sum(entry.views for entry in good)
    drained.dead_letters = len(bad)
    return drained, rolled_back


def _first_seq(cursor: PersistCursor) -> int:
    """The number of the first entry behind the cursor; where there is none, one that fits."""
    for entry in stream.after(cursor.shard, cursor.last_id, 1):
        if entry.seq is not None:
            return entry.seq
    return cursor.last_seq + 1


def _check_sequence(drained: Drained, cursor: PersistCursor, batch: Sequence[Entry | BadEntry]) -> None:
    """The numbers are dense: where some are missing, exactly so many entries are lost."""
    anew = cursor.last_id == "0-0"
    for entry in batch:
        seq = cursor.last_seq + 1 if entry.seq is None else entry.seq
        missing = seq - cursor.last_seq - 1
        # A stream that is read anew after a rollback has been trimmed: it begins with any number.
        if missing > 0 and not (anew and cursor.suspect_until):
            _lose(drained, cursor, DataLoss.Kind.GAP, missing)
        anew = False
        cursor.last_seq = seq


def _without_known(cursor: PersistCursor, entries: list[Entry]) -> list[Entry]:
    """Without what the log already has, while the cursor walks entries that may have been persisted before."""
    until = cursor.suspect_until
    if not until:
        return entries
    suspects = [entry for entry in entries if _order(entry.entry_id) <= _order(until)]
    if len(suspects) < len(entries) or _order(cursor.last_id) >= _order(until):
        cursor.suspect_until = ""
    known: set[str] = set()
    for start in range(0, len(suspects), conf.batch_size):
        part = suspects[start : start + conf.batch_size]
        since = days.to_datetime(min(entry.ms for entry in part))
        ids = [entry.detail.view_id for entry in part if entry.detail]
        rows = PageViewLog.objects.filter(timestamp__gte=since, view_id__in=ids)
        known.update(rows.values_list("view_id", flat=True))
    return [entry for entry in entries if entry.detail is None or entry.detail.view_id not in known]


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, n = entry_id.partition("-")
    return int(ms), int(n)


def _content_types(refs: Iterable[ObjectRef]) -> dict[tuple[str, str], int]:
    """The ids of the content types of ``refs``, without those that are not installed."""
    types: dict[tuple[str, str], int] = {}
    for label in {(ref.app_label, ref.model_name) for ref in refs}:
        try:
            content_type = ContentType.objects.get_by_natural_key(*label)
        except ContentType.DoesNotExist:
            continue
        if content_type.model_class() is not None:
            types[label] = content_type.pk
    return types


def _write_views(entries: Sequence[Entry], types: dict[tuple[str, str], int]) -> None:
    PageViewLog.objects.bulk_create(
        (
            PageViewLog(
                content_type_id=types[entry.ref.app_label, entry.ref.model_name],
                object_id=entry.ref.pk,
                view_id=entry.detail.view_id,
                url=entry.detail.url,
                referrer=entry.detail.referrer,
                visitor=entry.detail.visitor,
                ip_address=entry.detail.ip_address or None,
                user_agent=entry.detail.user_agent,
                timestamp=days.to_datetime(entry.ms),
                is_unique=bool(entry.unique),
            )
            for entry in entries
            if entry.detail is not None
        ),
        batch_size=conf.batch_size,
    )
    rollup = roll_up(entries)
    tables.add(rollup, types)
    deletion.forget_missing(list(rollup.objects))


def _write_dead_letters(cursor: PersistCursor, bad: Sequence[BadEntry]) -> None:
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(shard=cursor.shard, entry_id=entry.entry_id, payload=entry.payload, error=entry.error)
            for entry in bad
        ],
        batch_size=conf.batch_size,
    )


def _lose(drained: Drained, cursor: PersistCursor, kind: DataLoss.Kind, views: int | None) -> None:
    loss = DataLoss.objects.create(kind=kind, shard=cursor.shard, epoch=cursor.epoch, views=views)
    drained.losses.append(str(loss))
