"""Continuity: is the stream still the one that the cursor was taken from, and what of it is missing?

Entries have numbers, dense within an epoch. Redis keeps the last number it gave and the last one it was trimmed to;
the cursor keeps the last one that is persisted. Ids alone would not do: they follow a clock.
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
    """Why the stream does not go on at the cursor; the value is what was lost by it."""

    ANEW = DataLoss.Kind.EPOCH  # Redis lost its data
    BACK = DataLoss.Kind.ROLLBACK  # Redis came back with older data
    BELOW = None  # only the stream is gone, and the next one has lower ids: what is lost is known by the numbers


def broken(cursor: PersistCursor, head: Head) -> Break | None:
    """Whether what Redis has now does not continue what ``cursor`` is behind of."""
    if not head.epoch:
        return Break.ANEW
    if cursor.epoch != head.epoch:
        # An epoch that we have seen the end of: somebody restored it.
        ended = database.rows(DataLoss).filter(shard=cursor.shard, epoch=head.epoch).exists()
        return Break.BACK if ended else Break.ANEW
    # What is persisted stays in the stream until it is trimmed, and then Redis knows that it was.
    if head.trimmed < cursor.last_seq and not head.holds_cursor and not _goes_on(cursor, head):
        return Break.BACK
    oldest = head.oldest
    if isinstance(oldest, Entry) and oldest.seq > cursor.last_seq and not follows(oldest.entry_id, cursor.last_id):
        return Break.BELOW
    return None


def _goes_on(cursor: PersistCursor, head: Head) -> bool:
    """Whether the numbers do: somebody else trimmed what a worker had committed and was about to trim.

    Older data would hold a number that is persisted, under another id, or would not have got as far.
    """
    if head.oldest is None:
        return head.seq >= cursor.last_seq
    return isinstance(head.oldest, Entry) and head.oldest.seq > cursor.last_seq


def goes_back(cursor: PersistCursor, batch: Sequence[Entry | BadEntry]) -> bool:
    """Whether numbers come again: between two pages of ``batch`` Redis came back with older data."""
    seq = cursor.last_seq
    for entry in batch:
        if isinstance(entry, Entry):
            if entry.seq <= seq:
                return True
            seq = entry.seq
    return False


def begin_anew(cursor: PersistCursor, stream: Stream, why: Break) -> None:
    """Set ``cursor`` to the beginning of the stream, and make Redis load its counters again.

    What is in the stream now may be persisted already. Redis is told before the transaction ends: should it not be
    committed, the epochs differ and all this is done once more.
    """
    epoch = loading.new_epoch()
    newest = stream.begin_epoch(epoch, drop_shed=why is Break.BACK)
    cursor.epoch, cursor.last_id = epoch, "0-0"
    cursor.suspect_until = "" if newest == "0-0" else newest


def begin_numbers(cursor: PersistCursor, batch: Sequence[Entry | BadEntry], last: int) -> None:
    """Expect the numbers of ``batch``, the first one since the stream is read anew; ``last`` where it is empty."""
    cursor.last_seq = next((entry.seq - 1 for entry in batch if isinstance(entry, Entry)), last)


def missing(cursor: PersistCursor, batch: Sequence[Entry | BadEntry], last: int | None) -> Iterator[int]:
    """How many entries are lost in each gap of ``batch``; moves the cursor's number behind it.

    ``last`` is the number that Redis gave last before ``batch`` was read, None where ``batch`` does not go to the
    stream's end. A bad entry fills a gap where its number is in it; somebody else's garbage takes none.
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
        while seq + 1 in bad:  # the next batch does not know of it
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
    """Without what the tables have, while the cursor walks entries that may have been persisted before."""
    until = cursor.suspect_until
    if not until:
        return good, bad
    views = [entry for entry in good if entry.detail and not follows(entry.entry_id, until)]
    letters = [entry for entry in bad if not follows(entry.entry_id, until)]
    known = _logged(views) | _set_aside(cursor.shard, letters)
    # Sums are made by persist alone, and never while the stream is in doubt: those that it meets again are persisted.
    known |= {id(entry) for entry in good if entry.detail is None and not follows(entry.entry_id, until)}
    if not follows(until, cursor.last_id):
        cursor.suspect_until = ""
    return [entry for entry in good if id(entry) not in known], [entry for entry in bad if id(entry) not in known]


def _logged(views: Sequence[Entry]) -> set[int]:
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


def _set_aside(shard: int, letters: Sequence[BadEntry]) -> set[int]:
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
    """Whether a stream id comes after another."""
    return _order(entry_id) > _order(other)


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, n = entry_id.partition("-")
    return int(ms), int(n)
