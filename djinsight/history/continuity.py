"""Continuity: find out if the stream continues at the cursor, and how many entries are missing.

Entries have numbers, which are dense within an epoch. Redis keeps the last number that it gave and the last one that
it was trimmed to. The cursor keeps the last number that is persisted. Ids alone are not enough, because they follow a
clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TypeVar

from djinsight import database, days
from djinsight.conf import conf
from djinsight.counting import loading
from djinsight.history.parsing import BadEntry, Entry
from djinsight.history.stream import Head, Stream
from djinsight.models import DataLoss, DeadLetter, PageViewLog, PersistCursor

E = TypeVar("E")


class Break(Enum):
    """Reasons why the stream does not continue at the cursor; the value is the kind of loss to record."""

    ANEW = DataLoss.Kind.EPOCH  # Redis lost its data
    BACK = DataLoss.Kind.ROLLBACK  # Redis came back with older data
    BELOW = None  # only the stream is gone, and the next one has lower ids; the numbers tell what is lost


def broken(cursor: PersistCursor, head: Head) -> Break | None:
    """Return why the stream no longer continues at ``cursor``, or None if it does."""
    if not head.epoch:
        return Break.ANEW
    if cursor.epoch != head.epoch:
        # If we have recorded the end of this epoch, Redis was restored from a backup of it.
        ended = database.rows(DataLoss).filter(shard=cursor.shard, epoch=head.epoch).exists()
        return Break.BACK if ended else Break.ANEW
    # A persisted entry stays in the stream until it is trimmed, and then Redis keeps the number it was trimmed to.
    if head.trimmed < cursor.last_seq and not head.holds_cursor and not _goes_on(cursor, head):
        return Break.BACK
    oldest = head.oldest
    if isinstance(oldest, Entry) and oldest.seq > cursor.last_seq and not follows(oldest.entry_id, cursor.last_id):
        return Break.BELOW
    return None


def _goes_on(cursor: PersistCursor, head: Head) -> bool:
    """Return if the numbers continue at ``cursor``, although neither its entry nor a trim of ours is in Redis.

    Then another program trimmed what a worker had committed and was about to trim. Older data would hold a persisted
    number under another id, or its last number would be lower than the cursor's.
    """
    if head.oldest is None:
        return head.seq >= cursor.last_seq
    return isinstance(head.oldest, Entry) and head.oldest.seq > cursor.last_seq


def goes_back(cursor: PersistCursor, batch: Sequence[Entry | BadEntry]) -> bool:
    """Return if a number of ``batch`` does not grow: Redis came back with older data between two pages."""
    seq = cursor.last_seq
    for entry in batch:
        if isinstance(entry, Entry):
            if entry.seq <= seq:
                return True
            seq = entry.seq
    return False


def begin_anew(cursor: PersistCursor, stream: Stream, why: Break) -> None:
    """Set ``cursor`` to the beginning of the stream, and make Redis load its counters again.

    The entries in the stream now may be persisted already. Redis gets the new epoch before the transaction ends. If
    the transaction is not committed, the epochs differ, and the next run does all this again.
    """
    epoch = loading.new_epoch()
    newest = stream.begin_epoch(epoch, drop_shed=why is Break.BACK)
    cursor.epoch, cursor.last_id = epoch, "0-0"
    cursor.suspect_until = "" if newest == "0-0" else newest


def begin_numbers(cursor: PersistCursor, batch: Sequence[Entry | BadEntry], last: int) -> None:
    """Move the cursor's number to just before ``batch``, the first one since the stream is read from its beginning.

    Args:
        cursor: The cursor of the shard.
        batch: The entries that were read.
        last: The number for the cursor if ``batch`` has no readable entry.
    """
    cursor.last_seq = next((entry.seq - 1 for entry in batch if isinstance(entry, Entry)), last)


def missing(cursor: PersistCursor, batch: Sequence[Entry | BadEntry], last: int | None) -> Iterator[int]:
    """Yield the number of lost entries for each gap of ``batch``, then move the cursor's number to its end.

    A bad entry fills a gap if its number is in the gap. An entry that another program wrote has no number, and fills
    none.

    Args:
        cursor: The cursor of the shard.
        batch: The entries after the cursor.
        last: The last number that Redis gave before ``batch`` was read; None if ``batch`` does not reach the end of
            the stream.
    """
    bad: set[int] = set()
    seq = cursor.last_seq
    for entry in batch:
        if isinstance(entry, BadEntry):
            bad.add(entry.seq or 0)
        elif entry.seq == seq + 1:
            seq = entry.seq
        else:
            yield from _gap(seq, entry.seq - 1, bad)
            seq = max(seq, entry.seq)
    if last is None:
        while seq + 1 in bad:  # the next batch does not have these bad entries
            seq += 1
    else:
        yield from _gap(seq, last, bad)
        seq = max(seq, last)
    cursor.last_seq = seq


def _gap(before: int, until: int, bad: set[int]) -> Iterator[int]:
    lost = until - before - sum(before < seq <= until for seq in bad)
    if lost > 0:
        yield lost


def without_persisted(
    cursor: PersistCursor, good: list[Entry], bad: list[BadEntry]
) -> tuple[list[Entry], list[BadEntry]]:
    """Return ``good`` and ``bad`` without the entries that the tables have already.

    The tables are read only while the cursor is among entries that may have been persisted before.
    """
    until = cursor.suspect_until
    if not until:
        return good, bad
    views = [entry for entry in good if entry.detail and not follows(entry.entry_id, until)]
    letters = [entry for entry in bad if not follows(entry.entry_id, until)]
    known = _logged(views) | _dead_lettered(cursor.shard, letters)
    # Only persist makes sums, and never while entries may have been persisted before. So a sum here is persisted.
    known |= {id(entry) for entry in good if entry.detail is None and not follows(entry.entry_id, until)}
    if not follows(until, cursor.last_id):
        cursor.suspect_until = ""
    return [entry for entry in good if id(entry) not in known], [entry for entry in bad if id(entry) not in known]


def _logged(views: Sequence[Entry]) -> set[int]:
    """Return the ``id()`` of each entry of ``views`` that is in the log."""
    known: set[int] = set()
    for part in _parts(views):
        since = days.datetime_of(min(entry.ms for entry in part))
        ids = [entry.detail.view_id for entry in part if entry.detail]
        rows = set(
            database.rows(PageViewLog).filter(timestamp__gte=since, view_id__in=ids).values_list("view_id", "timestamp")
        )
        known |= {
            id(entry) for entry in part if entry.detail and (entry.detail.view_id, days.datetime_of(entry.ms)) in rows
        }
    return known


def _dead_lettered(shard: int, letters: Sequence[BadEntry]) -> set[int]:
    """Return the ``id()`` of each entry of ``letters`` that is a dead letter already."""
    known: set[int] = set()
    for part in _parts(letters):
        found = database.rows(DeadLetter).filter(shard=shard, entry_id__in=[entry.entry_id for entry in part])
        rows = {(entry_id, bytes(payload)) for entry_id, payload in found.values_list("entry_id", "payload")}
        known |= {id(entry) for entry in part if (entry.entry_id, entry.payload) in rows}
    return known


def _parts(entries: Sequence[E]) -> Iterator[Sequence[E]]:
    size = conf.batch_size
    return (entries[start : start + size] for start in range(0, len(entries), size))


def follows(entry_id: str, other: str) -> bool:
    """Return if the stream id ``entry_id`` comes after ``other``."""
    return _order(entry_id) > _order(other)


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, n = entry_id.partition("-")
    return int(ms), int(n)
