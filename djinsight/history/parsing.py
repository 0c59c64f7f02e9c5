"""Parsing: read each entry of the stream, or find out why it cannot be stored. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from djinsight.beacons import beacon
from djinsight.counting import entries
from djinsight.counting.entries import Detail
from djinsight.exceptions import InvalidRef
from djinsight.metrics import MORE, NO_MORE
from djinsight.tracked.refs import ObjectRef

MAX_MS = 2**43  # the year 2248

_VIEW = [b"s", b"r", b"u", b"t", b"v", b"d"]  # the fields of one view, in the order in which the script writes them
_SUM = (b"s", b"r", b"t", b"n", b"q", b"w")  # the fields of a sum of views
_SURROGATE = re.compile("[\ud800-\udfff]")


class Entry(NamedTuple):
    """One readable entry: one view with its detail, or a sum of ``views`` without detail.

    The counting script makes sums while the stream is full.
    """

    entry_id: str
    seq: int
    ref: ObjectRef
    ms: int
    views: int
    unique: int
    unique_today: int
    detail: Detail | None
    more: tuple[int, ...] = NO_MORE  # further metrics


@dataclass(frozen=True, slots=True)
class BadEntry:
    """One entry that cannot be stored. ``seq`` is None if not even that could be read."""

    entry_id: str
    seq: int | None
    payload: bytes
    error: str


def parse(entry_id: str, parts: Sequence[bytes]) -> Entry | BadEntry:
    """Return the entry that ``parts`` holds: the names and values of its fields, in turn."""
    try:
        if parts[::2] == _VIEW:
            seq, ref, flags, ms, visitor, payload = parts[1::2]
        else:
            fields = entries.fields(parts)
            if b"d" not in fields:
                return _sum(entry_id, fields.get(b"m", b""), *(fields[name] for name in _SUM))
            seq, ref, flags, ms, visitor, payload = (fields[name] for name in _VIEW)
        detail = entries.decode(visitor, payload)
        if _number(flags) & 4:  # nothing is kept of the visitor
            detail = detail._replace(visitor="")
        check(detail)
        unique, unique_today, more = _flags(flags)
        return Entry._make((entry_id, _number(seq), _ref(ref), _time(ms), 1, unique, unique_today, detail, more))
    except KeyError as error:
        return _bad(entry_id, parts, f"expected a field {error} but there is none")
    except InvalidRef:
        return _bad(entry_id, parts, "expected a ref but got something else")
    except (ValueError, RecursionError) as error:
        return _bad(entry_id, parts, f"{type(error).__name__}: {error}"[:200])


def _sum(entry_id: str, of_more: bytes, seq: bytes, ref: bytes, ms: bytes, *counts: bytes) -> Entry:
    views, unique, unique_today = map(_number, counts)
    more = [_number(each) for each in of_more.split(b",")] if of_more else []
    more = (more + [0] * len(MORE))[: len(MORE)]  # the entry may be older than a metric
    return Entry(entry_id, _number(seq), _ref(ref), _time(ms), views, unique, unique_today, None, tuple(more))


def _bad(entry_id: str, parts: Sequence[bytes], error: str) -> BadEntry:
    try:
        seq = _number(entries.fields(parts).get(b"s", b""))
    except ValueError:
        seq = None
    # In ASCII: the error may quote the entry, and not every database can store all characters.
    return BadEntry(entry_id, seq, raw(parts), error.encode("ascii", "replace").decode())


def _number(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise ValueError("expected a whole number of at most 18 digits")
    return int(value)


def check(detail: Detail) -> None:
    """Refuse a view that a column cannot hold, as one view must never fail a whole batch.

    Raises:
        ValueError: A value is too long, or has characters that cannot be stored.
    """
    view_id, visitor, url, referrer, user_agent, ip_address = detail
    short = len(view_id) <= 36 and len(url) <= beacon.MAX_URL and len(referrer) <= beacon.MAX_URL
    texts = view_id + url + referrer  # checked together, as nearly all are short and plain
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


# Values that many views share are checked once. A refused value is not cached.
@lru_cache(maxsize=4096)
def _check_visitor(visitor: str, user_agent: str, ip_address: str | None) -> None:
    _check_text("visitor", visitor, 22)
    _check_text("user agent", user_agent, beacon.MAX_USER_AGENT)
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


@lru_cache(maxsize=256)
def _flags(value: bytes) -> tuple[int, int, tuple[int, ...]]:
    """Return 1 or 0 for a new visitor, for one that is new that day, and for each of the further metrics."""
    flags = _number(value)
    return flags & 1, flags >> 1 & 1, tuple(flags >> 3 + place & 1 for place in range(len(MORE)))


def raw(parts: Sequence[bytes]) -> bytes:
    """Return the bytes of an entry: a JSON object in which each character up to U+00FF stands for one byte."""
    fields = entries.fields(parts)
    return json.dumps({name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}).encode()
