"""Persist: the stream into the database, exactly once.

In one transaction the cursor moves and the views behind it become log rows, totals and rollups; only after its
commit the stream is trimmed. A crash anywhere repeats nothing and loses nothing. Workers that run at the same time
take turns at the cursor's row: who finds it taken waits, or with ``wait=False`` leaves that shard to the other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import redis

from djinsight import collector, database
from djinsight.conf import conf
from djinsight.counting import sites
from djinsight.exceptions import ForeignDataSet
from djinsight.history import continuity, deleted, deletion, log, tables
from djinsight.history.continuity import Break
from djinsight.history.cursors import lock, lock_if_free
from djinsight.history.parsing import BadEntry, Entry
from djinsight.history.rollup import roll_up
from djinsight.history.stream import SPILL, Head, Stream
from djinsight.models import DataLoss, DeadLetter, PersistCursor
from djinsight.tracked import content_types

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


def persist(*, wait: bool = True) -> Drained:
    """Write everything that is counted and not yet written.

    Raises redis.RedisError, django.db.Error, and ForeignDataSet if it is another site's.
    """
    drained = Drained()
    for part in batches(wait=wait):
        drained.add(part)
    return drained


def batches(limit: int = MAX_ENTRIES, *, wait: bool = True) -> Iterator[Drained]:
    """The same, at most ``limit`` entries a transaction; yields what each one wrote."""
    failed: redis.RedisError | ForeignDataSet | None = None
    for shard in range(conf.redis_shards):
        try:
            for _ in range(-(-MAX_RUN // limit)):
                part = drain(shard, limit, wait=wait)
                yield part
                if part.entries < limit:
                    break
        except (redis.RedisError, ForeignDataSet) as error:
            # Its server may be down; the other shards are on other servers.
            logger.warning("shard %d is not persisted: %s", shard, error)
            failed = failed or error
    if failed is not None:
        raise failed


def drain(shard: int, limit: int = MAX_ENTRIES, *, wait: bool = True) -> Drained:
    """Write the next entries of one shard, at most ``limit``, in one transaction."""
    gone = deleted.noted(shard)
    stream = Stream(shard)
    if stream.head() is None and not gone:
        return Drained()
    sites.check_database(shard)
    database.rows(PersistCursor).get_or_create(shard=shard)
    with database.write():
        cursor = lock(shard) if wait else lock_if_free(shard)
        if cursor is None:
            logger.debug("shard %d is passed by: somebody else has its cursor", shard)
            return Drained()
        with collector.kept():
            drained = _write(cursor, stream, limit)
            deletion.forget_missing(gone)
    try:
        stream.trim(cursor.epoch, cursor.last_id, cursor.last_seq)
        deleted.drop(shard, gone)
    except redis.RedisError as error:
        logger.warning("the stream is persisted but not yet trimmed: %s", error)
    for loss in drained.losses:
        logger.error("data loss on shard %d: %s", shard, loss)
    return drained


def _write(cursor: PersistCursor, stream: Stream, limit: int) -> Drained:
    """Write a batch and move ``cursor`` behind it."""
    head = stream.head(cursor.last_id)
    if head is None:
        return Drained()
    drained = Drained()
    batch = _read(drained, cursor, stream, head, limit)
    for views in continuity.missing(cursor, batch, head.seq if len(batch) < limit else None):
        _lose(drained, cursor, DataLoss.Kind.GAP, views)
    if batch:
        cursor.last_id = batch[-1].entry_id
    good = [entry for entry in batch if isinstance(entry, Entry) and entry.views]  # a mark counts nothing
    bad = [entry for entry in batch if isinstance(entry, BadEntry)]
    refs = {entry.ref for entry in good}
    types = content_types.ids_of(refs)
    gone = {ref for ref in refs if (ref.app_label, ref.model_name) not in types}
    if gone:
        orphans = [entry.entry_id for entry in good if entry.ref in gone]
        bad += [stream.read_again(entry_id, "expected an installed model") for entry_id in orphans]
        good = [entry for entry in good if entry.ref not in gone]
    good, bad = continuity.without_persisted(cursor, good, bad)
    write_views(good, types)
    _write_dead_letters(cursor, bad)
    shed = sum(entry.views for entry in good if entry.detail is None)
    if shed:
        _lose(drained, cursor, DataLoss.Kind.SHED, shed)
    cursor.save(using=database.alias())
    drained.entries = len(batch)
    drained.views = sum(entry.views for entry in good)
    drained.dead_letters = len(bad)
    return drained


def _read(drained: Drained, cursor: PersistCursor, stream: Stream, head: Head, limit: int) -> list[Entry | BadEntry]:
    """The entries behind ``cursor``, which begins anew where Redis has other data than it had."""
    cursor.epoch = cursor.epoch or head.epoch
    why = continuity.broken(cursor, head)
    if why is None:
        if not cursor.suspect_until:
            _spill(stream)
        batch = list(stream.after(cursor.last_id, limit))
        if continuity.goes_back(cursor, batch):
            why = Break.BACK
    if why is not None:
        if why.value is not None:
            _lose(drained, cursor, why.value, None)
        continuity.begin_anew(cursor, stream, why)
        batch = list(stream.after(cursor.last_id, limit))
        if why is not Break.BELOW:
            continuity.begin_numbers(cursor, batch, head.seq)
    after = stream.head()
    if after is None or after.epoch != cursor.epoch or after.seq < head.seq:
        raise redis.RedisError("Redis lost data while the stream was read")
    return batch


def _spill(stream: Stream) -> None:
    try:
        while stream.spill() == SPILL:
            pass
    except redis.ResponseError as error:
        # Its memory is full. What is persisted now makes room, and the sums go into the stream with the next run.
        logger.warning("the views that were shed stay where they are: %s", error)


def write_views(entries: Sequence[Entry], types: dict[tuple[str, str], int]) -> None:
    """Log rows and sums of ``entries``, whose models are all in ``types``. In a transaction that has the cursor."""
    log.write(entries, types)
    rollup = roll_up(entries)
    tables.add(rollup, types)
    deletion.forget_missing(list(rollup.objects))


def _write_dead_letters(cursor: PersistCursor, bad: Sequence[BadEntry]) -> None:
    database.rows(DeadLetter).bulk_create(
        [
            DeadLetter(shard=cursor.shard, entry_id=entry.entry_id, payload=entry.payload, error=entry.error)
            for entry in bad
        ],
        batch_size=conf.batch_size,
    )


def _lose(drained: Drained, cursor: PersistCursor, kind: DataLoss.Kind, views: int | None) -> None:
    loss = database.rows(DataLoss).create(kind=kind, shard=cursor.shard, epoch=cursor.epoch, views=views)
    drained.losses.append(str(loss))
