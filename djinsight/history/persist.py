"""Persist: write the stream to the database exactly once.

One transaction moves the cursor, and writes the views up to it as log rows, totals and rollups. The stream is trimmed
only after the commit. So a crash at any point repeats nothing and loses nothing. Workers that run at the same time
take turns, because each locks the cursor's row. A worker that finds the row locked waits, or with ``wait=False``
leaves that shard to the other worker.
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

MAX_ENTRIES = 20_000  # stream entries in one transaction
MAX_RUN = 2_000_000  # stream entries of one shard in one run; the rest of a backlog is for the next run


@dataclass(slots=True)
class Drained:
    """Numbers of one run: entries read, views written, entries dead-lettered; and the losses recorded."""

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

    Args:
        wait: Wait for a shard whose cursor another worker has locked; False leaves that shard out.

    Raises:
        redis.RedisError: Redis does not answer, or lost data during the run.
        ForeignDataSet: The data in Redis is another site's.
        django.db.Error: The database fails.
    """
    drained = Drained()
    for part in batches(wait=wait):
        drained.add(part)
    return drained


def batches(limit: int = MAX_ENTRIES, *, wait: bool = True) -> Iterator[Drained]:
    """Write as ``persist`` does, and yield the numbers of each transaction.

    Args:
        limit: The most entries in one transaction.
        wait: As ``persist`` has it.

    Raises:
        redis.RedisError: Redis does not answer for a shard. Raised after all other shards are written.
        ForeignDataSet: The data of a shard is another site's. Raised after all other shards are written.
        django.db.Error: The database fails.
    """
    failed: redis.RedisError | ForeignDataSet | None = None
    for shard in range(conf.redis_shards):
        try:
            for _ in range(-(-MAX_RUN // limit)):
                part = drain(shard, limit, wait=wait)
                yield part
                if part.entries < limit:
                    break
        except (redis.RedisError, ForeignDataSet) as error:
            # The shard's server may be down. The other shards may be on other servers.
            logger.warning("shard %d is not persisted; its views wait in Redis for the next run: %s", shard, error)
            failed = failed or error
    if failed is not None:
        raise failed


def drain(shard: int, limit: int = MAX_ENTRIES, *, wait: bool = True) -> Drained:
    """Write the next entries of one shard, at most ``limit``, in one transaction.

    With ``wait=False`` nothing is written if another worker has locked the shard's cursor.
    """
    gone = deleted.noted(shard)
    stream = Stream(shard)
    if stream.head() is None and not gone:
        return Drained()
    sites.check_database(shard)
    database.rows(PersistCursor).get_or_create(shard=shard)
    with database.write():
        cursor = lock(shard) if wait else lock_if_free(shard)
        if cursor is None:
            logger.debug("shard %d is left to another worker, which has locked its cursor", shard)
            return Drained()
        with collector.Paused():
            drained = _write(cursor, stream, limit)
            deletion.forget_missing(gone)
    try:
        stream.trim(cursor.epoch, cursor.last_id, cursor.last_seq)
        deleted.drop(shard, gone)
    except redis.RedisError as error:
        logger.warning(
            "shard %d is persisted, but its stream is not trimmed; the next run trims it: %s",
            shard,
            error,
        )
    for loss in drained.losses:
        logger.error("data loss on shard %d: %s", shard, loss)
    return drained


def _write(cursor: PersistCursor, stream: Stream, limit: int) -> Drained:
    """Write a batch, and move ``cursor`` to its end."""
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
    """Return the entries after ``cursor``, which is set to the beginning of the stream if Redis has other data.

    Raises:
        redis.RedisError: Redis lost data during the read.
    """
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
        # Redis has no memory left. Trimming after this run frees some, and the next run moves the sums.
        logger.warning("sums of views stay out of the stream until the next run, as Redis refuses them: %s", error)


def write_views(entries: Sequence[Entry], types: dict[tuple[str, str], int]) -> None:
    """Write the log rows and sums of ``entries``.

    The caller is in a transaction that has locked the cursor.

    Args:
        entries: The views.
        types: The content type id of each model in ``entries``, by app label and model name.
    """
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
