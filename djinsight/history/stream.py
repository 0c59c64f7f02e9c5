"""Stream: the counted views of one shard that wait in Redis, as persist reads, trims and extends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from djinsight import days
from djinsight.conf import conf
from djinsight.counting import connections, loading, scripts
from djinsight.counting.keys import Keys
from djinsight.history.parsing import BadEntry, Entry, parse, raw

MAX_EPOCH = 16  # characters, as the cursor has them
PAGE = 2000  # entries in one read: about 1 MB
SPILL = 1000  # sums in one script call, during which Redis does nothing else for 10 ms


@dataclass(frozen=True, slots=True)
class Head:
    """State of one shard's stream in Redis, and the place of a cursor in it."""

    epoch: str  # "" if another program has written over it
    seq: int  # the last number given
    trimmed: int  # the last number that was persisted when it was trimmed
    holds_cursor: bool  # whether the entry of the cursor is still there
    oldest: Entry | BadEntry | None


class Stream:
    """Reads and changes the stream of ``shard``. All methods raise redis.RedisError if Redis fails."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self._keys = Keys(shard)
        self._client = connections.sync_client(shard)

    def __len__(self) -> int:
        """Return the number of entries that wait."""
        length: int = self._client.xlen(self._keys.events)
        return length

    def head(self, last_id: str = "0-0") -> Head | None:
        """Return the state of the stream for a cursor at ``last_id``, or None if nothing was ever counted."""
        events, meta = self._keys.events, self._keys.meta
        # Redis refuses a transaction when its memory is full, so this is none. The cursor's entry is read before the
        # mark: if a trim in between drops the entry, the mark says so.
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xrange(events, last_id, last_id)
        pipeline.hmget(meta, "epoch", "seq", "trimmed")
        pipeline.xrange(events, count=1)
        at_cursor, (epoch, seq, trimmed), first = pipeline.execute()
        if epoch is None:
            return None
        oldest = parse(first[0][0].decode(), first[0][1]) if first else None
        return Head(_epoch(epoch), _mark(seq), _mark(trimmed), bool(at_cursor), oldest)

    def after(self, last_id: str, limit: int) -> Iterator[Entry | BadEntry]:
        """Yield the entries after ``last_id``, oldest first, at most ``limit``."""
        for page in self._pages(last_id, limit):
            for entry_id, parts in page:
                yield parse(entry_id.decode(), parts)

    def _pages(self, last_id: str, limit: int) -> Iterator[list[Any]]:
        """Yield pages of entries as Redis sends them. Redis gathers the next page while the caller reads one."""
        events = self._keys.events
        count = min(PAGE, limit)
        with connections.alone(self.shard) as connection:
            connection.send_command("XRANGE", events, f"({last_id}", "+", "COUNT", count)
            while count:
                page = connection.read_response()
                limit -= len(page)
                count = min(PAGE, limit) if len(page) == count else 0
                if count:
                    connection.send_command("XRANGE", events, f"({page[-1][0].decode()}", "+", "COUNT", count)
                yield page

    def read_again(self, entry_id: str, error: str) -> BadEntry:
        """Return a bad entry for ``entry_id``, which can be parsed, but cannot be stored because of ``error``."""
        page = self._client.xrange(self._keys.events, min=entry_id, max=entry_id)
        return BadEntry(entry_id, None, raw(page[0][1]) if page else b"", error)

    def begin_epoch(self, epoch: str, *, drop_shed: bool) -> str:
        """Give the data set a new epoch. Redis then loads each counter again when the stream's entries are persisted.

        Args:
            epoch: The new epoch.
            drop_shed: Delete the sums of views that are not in the stream yet.

        Returns:
            The id of the newest entry, ``"0-0"`` if there is none.
        """
        keys = [self._keys.events, self._keys.meta, self._keys.shed]
        newest: bytes = scripts.begin_epoch.call(self._client, keys, [epoch, int(drop_shed)])
        return newest.decode()

    def trim(self, epoch: str, last_id: str, last_seq: int) -> int:
        """Drop the persisted entries, and return their number, or -1 if Redis has begun another epoch.

        Args:
            epoch: The epoch of the cursor.
            last_id: The id of the last persisted entry.
            last_seq: Its number.
        """
        keys = [self._keys.events, self._keys.meta, self._keys.pending]
        today = days.now()
        args = [epoch, *last_id.split("-"), last_seq, today.number, today.day_began_ms, today.day_ends_ms]
        dropped: int = scripts.trim_stream.call(self._client, keys, args)
        return dropped

    def spill(self) -> int:
        """Move views that were counted while the stream was full into it, as at most ``SPILL`` sums.

        Returns:
            The number of moved sums.
        """
        keys = [self._keys.events, self._keys.meta, self._keys.shed, self._keys.pending]
        moved: int = scripts.spill_shed.call(self._client, keys, [conf.stream_max_views, SPILL])
        return moved

    def mark(self) -> None:
        """Append an entry that counts nothing; its number shows that what was read before it is older."""
        keys = [self._keys.events, self._keys.meta, self._keys.pending]
        scripts.mark_stream.call(self._client, keys, [loading.new_epoch(), days.now().number])


def pending() -> int:
    """Return the number of entries that wait on all shards.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return sum(len(Stream(shard)) for shard in range(conf.redis_shards))


def _epoch(value: bytes) -> str:
    """Return the name of an epoch, or ``""`` if another program has written over it."""
    return value.decode() if len(value) <= MAX_EPOCH and value.isalnum() else ""


def _mark(value: bytes | None) -> int:
    """Return a number of the stream's state, or 0 if another program has written over it."""
    return int(value) if value and value.isdigit() and len(value) <= 16 else 0
