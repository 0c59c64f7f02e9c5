"""The stream as persist reads it: entries after the cursor, each either readable or a bad one with its reason."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from djinsight import days
from djinsight.beacons import beacon, bots
from djinsight.conf import conf
from djinsight.counting import connections, entries, loading, scripts
from djinsight.counting.entries import Detail
from djinsight.counting.keys import Keys
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef

_VIEW = [b"s", b"r", b"u", b"t", b"v", b"d"]  # the fields of one view, in the order in which the script writes them
_SUM = (b"s", b"r", b"t", b"n", b"q", b"w")  # those of a sum of views
_SURROGATE = re.compile("[\ud800-\udfff]")

MAX_MS = 2**43  # the year 2248
MAX_EPOCH = 16  # characters, as the cursor has them
PAGE = 2000  # entries a read: about 1 MB
SPILL = 1000  # sums a script call: Redis does nothing else for 10 ms


class Entry(NamedTuple):
    """One readable entry: one view with its detail, or ``views`` of them without (the stream had been full)."""

    entry_id: str
    seq: int
    ref: ObjectRef
    ms: int
    views: int
    unique: int
    unique_today: int
    detail: Detail | None


@dataclass(frozen=True, slots=True)
class BadEntry:
    """One entry that cannot be stored. ``seq`` is None where not even that could be read."""

    entry_id: str
    seq: int | None
    payload: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Head:
    """What Redis says of one shard's stream, and where a cursor stands in it."""

    epoch: str  # "" where it is none of ours
    seq: int  # the last number given
    trimmed: int  # the last number that was persisted when it was trimmed
    holds_cursor: bool  # whether the entry of the cursor is still there
    oldest: Entry | BadEntry | None


def head(shard: int, last_id: str = "0-0") -> Head | None:
    """The state of the stream for a cursor at ``last_id``, or None where nothing was ever counted."""
    names = Keys(shard)
    # No transaction, which a full memory refuses. The entry first: where it is gone, the mark says that it was trimmed.
    pipeline = connections.sync_client(shard).pipeline(transaction=False)
    pipeline.xrange(names.events, last_id, last_id)
    pipeline.hmget(names.meta, "epoch", "seq", "trimmed")
    pipeline.xrange(names.events, count=1)
    at_cursor, (epoch, seq, trimmed), first = pipeline.execute()
    if epoch is None:
        return None
    oldest = read(first[0][0].decode(), first[0][1]) if first else None
    return Head(_epoch(epoch), _mark(seq), _mark(trimmed), bool(at_cursor), oldest)


def _epoch(value: bytes) -> str:
    """The name of an epoch; ``""`` where somebody has written over it."""
    return value.decode() if len(value) <= MAX_EPOCH and value.isalnum() else ""


def _mark(value: bytes | None) -> int:
    """A number of the stream's state; 0 where it is none, as somebody has written over it."""
    return int(value) if value and value.isdigit() and len(value) <= 16 else 0


def after(shard: int, last_id: str, limit: int) -> Iterator[Entry | BadEntry]:
    """The entries after ``last_id``, oldest first, at most ``limit``. Raises redis.RedisError."""
    for page in _pages(shard, last_id, limit):
        for entry_id, parts in page:
            yield read(entry_id.decode(), parts)


def _pages(shard: int, last_id: str, limit: int) -> Iterator[list[Any]]:
    """The same as Redis sends them. It gathers the next page while one is looked at: its time is not waited for."""
    events = Keys(shard).events
    count = min(PAGE, limit)
    with connections.alone(shard) as connection:
        connection.send_command("XRANGE", events, f"({last_id}", "+", "COUNT", count)
        while count:
            page = connection.read_response()
            limit -= len(page)
            count = min(PAGE, limit) if len(page) == count else 0
            if count:
                connection.send_command("XRANGE", events, f"({page[-1][0].decode()}", "+", "COUNT", count)
            yield page


def begin_epoch(shard: int, epoch: str, *, drop_shed: bool) -> str:
    """Name the data set anew: every counter in it is loaded again, once what the stream has is persisted.

    Returns the id of the newest entry, ``"0-0"`` where there is none.
    """
    names = Keys(shard)
    client = connections.sync_client(shard)
    args = [epoch, int(drop_shed)]
    newest: bytes = scripts.begin_epoch.call(client, [names.events, names.meta, names.shed], args)
    return newest.decode()


def pending() -> int:
    """How many entries wait on all shards."""
    return sum(connections.sync_client(shard).xlen(Keys(shard).events) for shard in range(conf.redis_shards))


def read_again(shard: int, entry_id: str, error: str) -> BadEntry:
    """One entry as it is, as a bad one: it can be read, and cannot be stored for another reason."""
    page = connections.sync_client(shard).xrange(Keys(shard).events, min=entry_id, max=entry_id)
    return BadEntry(entry_id, None, _raw(page[0][1]) if page else b"", error)


def trim(shard: int, epoch: str, last_id: str, last_seq: int) -> int:
    """Drop the entries up to ``last_id``, which are persisted. Returns how many."""
    names = Keys(shard)
    client = connections.sync_client(shard)
    today = days.now()
    args = [epoch, *last_id.split("-"), last_seq, today.number, today.day_began_ms, today.day_ends_ms]
    dropped: int = scripts.trim_stream.call(client, [names.events, names.meta, names.pending], args)
    return dropped


def spill(shard: int) -> int:
    """Put the views that were counted while the stream was full into it, as sums, at most ``SPILL``.

    Returns how many sums.
    """
    names = Keys(shard)
    client = connections.sync_client(shard)
    keys = [names.events, names.meta, names.shed, names.pending]
    moved: int = scripts.spill_shed.call(client, keys, [conf.stream_max_views, SPILL])
    return moved


def mark(shard: int) -> None:
    """Put an entry into the stream that counts nothing."""
    names = Keys(shard)
    client = connections.sync_client(shard)
    keys = [names.events, names.meta, names.pending]
    scripts.mark_stream.call(client, keys, [loading.new_epoch(), days.now().number])


def read(entry_id: str, parts: Sequence[bytes]) -> Entry | BadEntry:
    """Read one entry, the names and values of whose fields are ``parts``. Pure."""
    try:
        if parts[::2] == _VIEW:
            seq, ref, flags, ms, visitor, payload = parts[1::2]
        else:
            fields = entries.fields(parts)
            if b"d" not in fields:
                return _sum(entry_id, *(fields[name] for name in _SUM))
            seq, ref, flags, ms, visitor, payload = (fields[name] for name in _VIEW)
        detail = entries.decode(visitor, payload)
        if flags >= b"4":  # one digit: nothing is kept of who it is
            detail = detail._replace(visitor="")
        check(detail)
        # A named tuple's own constructor takes twice as long.
        return tuple.__new__(Entry, (entry_id, _number(seq), _ref(ref), _time(ms), 1, *_flags(flags), detail))
    except KeyError as error:
        return _bad(entry_id, parts, f"expected a field {error} but there is none")
    except InvalidRef:
        return _bad(entry_id, parts, "expected a ref but got something else")
    except (ValueError, RecursionError) as error:
        return _bad(entry_id, parts, f"{type(error).__name__}: {error}"[:200])


def _sum(entry_id: str, seq: bytes, ref: bytes, ms: bytes, *counts: bytes) -> Entry:
    views, unique, unique_today = map(_number, counts)
    return Entry(entry_id, _number(seq), _ref(ref), _time(ms), views, unique, unique_today, None)


def _bad(entry_id: str, parts: Sequence[bytes], error: str) -> BadEntry:
    try:
        seq = _number(entries.fields(parts).get(b"s", b""))
    except ValueError:
        seq = None
    # In ASCII: the error may quote the entry, and not every database can store all characters.
    return BadEntry(entry_id, seq, _raw(parts), error.encode("ascii", "replace").decode())


def _number(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise ValueError("expected a whole number of at most 18 digits")
    return int(value)


def check(detail: Detail) -> None:
    """Refuse what a column cannot hold: the tables must never fail a whole batch. Raises ValueError."""
    view_id, visitor, url, referrer, user_agent, ip_address = detail
    short = len(view_id) <= 36 and len(url) <= beacon.MAX_URL and len(referrer) <= beacon.MAX_URL
    texts = view_id + url + referrer  # one look at all, as nearly all are short and plain
    if not short or not texts.isascii() or "\0" in texts:
        _check_text("view id", view_id, 36)
        _check_text("url", url, beacon.MAX_URL)
        _check_text("referrer", referrer, beacon.MAX_URL)
    _check_visitor(visitor, user_agent, ip_address)


def _check_text(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise ValueError(f"expected a {name} of at most {limit} characters but got {len(text)}")
    if "\0" in text or (not text.isascii() and _SURROGATE.search(text)):
        raise ValueError(f"expected a {name} that can be stored but it has a NUL or a lone surrogate")


# What is the same for many views is looked at once; what is refused is not kept.
@lru_cache(maxsize=4096)
def _check_visitor(visitor: str, user_agent: str, ip_address: str | None) -> None:
    _check_text("visitor", visitor, 22)
    _check_text("user agent", user_agent, bots.MAX_USER_AGENT)
    if ip_address is not None:
        _check_address(ip_address)


@lru_cache(maxsize=4096)
def _check_address(ip_address: str) -> None:
    _check_text("IP address", ip_address, 39)
    if "%" in ip_address:
        raise ValueError("expected an IP address without a zone")
    ipaddress.ip_address(ip_address)


@lru_cache(maxsize=4096)
def _ref(name: bytes) -> ObjectRef:
    return ObjectRef.parse(name.decode())


@lru_cache(maxsize=1024)
def _time(value: bytes) -> int:
    ms = _number(value)
    if ms >= MAX_MS:
        raise ValueError("expected a time in ms")
    return ms


@lru_cache(maxsize=16)
def _flags(value: bytes) -> tuple[int, int]:
    """Whether the visitor was new, and new that day."""
    flags = _number(value)
    return flags & 1, flags >> 1 & 1


def _raw(parts: Sequence[bytes]) -> bytes:
    """An entry as it was: a JSON object, whose characters up to U+00FF stand for the bytes."""
    fields = entries.fields(parts)
    return json.dumps({name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}).encode()
