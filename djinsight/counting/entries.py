"""Entries: the stream's record of one counted view, written by the recorder and read by persist.

The stream takes memory until it is persisted, and most of a view's bytes are its visitor's user agent. So the visitor
is compressed against a list of usual user agents, once for each visitor and not once for each view.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple

from djinsight.beacons.beacon import Beacon
from djinsight.beacons.visitors import Visitor

MAX_VISITOR = 8192  # bytes of a visitor as JSON; 512 characters of user agent are at most 4,200 of them
KEPT_VISITORS = 4096

# The preset dictionary of zlib: strings that a visitor may repeat, the likeliest last. Reading the stream needs it
# again: if it changes, the name of the field has to change as well.
_USUAL = (
    b'["","2001:db8::","Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) '
    b'SamsungBrowser/26.0 Chrome/130.0.0.0 Mobile Safari/537.36","'
    b'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0","'
    b'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0","'
    b'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0","'
    b'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36","'
    b"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    b'Mobile/15E148 Safari/604.1","'
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b'CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1","'
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    b'Safari/605.1.15","'
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    b'Safari/537.36","'
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
    b'Mobile/15E148 Safari/604.1","'
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
    b'Safari/537.36","'
    b'.0","Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 '
    b'Safari/537.36 Edg/130.0.0.0","Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) '
    b'Chrome/131.0.0.0 Safari/537.36"]'
)
_WINDOW = -12  # raw deflate, 4 KiB: the state of a larger one takes longer to set up than it saves


class View(NamedTuple):
    """A beacon and the visitor that sent it: the unit that is counted."""

    beacon: Beacon
    visitor: Visitor


class Detail(NamedTuple):
    """The part of an entry that the counting script does not read. Its names are those of the log's columns."""

    view_id: str
    visitor: str
    url: str
    referrer: str
    user_agent: str
    ip_address: str | None


def encode(beacon: Beacon) -> str:
    """Return the payload of a view, a JSON list. The id needs no escaping, because it has passed the parser."""
    return f'["{beacon.view_id}",{_quoted(beacon.url)},{_quoted(beacon.referrer)}]'


@lru_cache(maxsize=KEPT_VISITORS)
def encode_visitor(visitor: Visitor) -> bytes:
    """Return a visitor as a JSON list, compressed."""
    deflate = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=_WINDOW, zdict=_USUAL)
    text = f"[{_quoted(visitor.key)},{_quoted(visitor.ip_address)},{_quoted(visitor.user_agent)}]"
    return deflate.compress(text.encode()) + deflate.flush()


def decode(visitor: bytes, payload: bytes) -> Detail:
    """Return the detail of a view from its encoded visitor and payload.

    Args:
        visitor: The visitor as ``encode_visitor`` makes it.
        payload: The payload as ``encode`` makes it.

    Raises:
        ValueError: One of them is anything else.
    """
    view_id, url, referrer = _three_strings(payload)
    key, ip_address, user_agent = _decode_visitor(visitor)
    return Detail._make((view_id, key, url, referrer, user_agent, ip_address or None))


def fields(parts: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of an entry by name, from the flat list of names and values that Redis sends."""
    each = iter(parts)
    return dict(zip(each, each, strict=True))


def numbers(fields: Mapping[bytes, bytes]) -> tuple[int, int, int] | None:
    """Return views, unique views and time (Unix ms) of an entry, or None if they cannot be read."""
    try:
        unique = int(fields[b"q"]) if b"q" in fields else int(fields[b"u"]) % 2
        return int(fields.get(b"n", 1)), unique, int(fields[b"t"])
    except (KeyError, ValueError):
        return None


@lru_cache(maxsize=KEPT_VISITORS)
def _decode_visitor(packed: bytes) -> tuple[str, str, str]:
    inflate = zlib.decompressobj(_WINDOW, zdict=_USUAL)
    try:
        text = inflate.decompress(packed, MAX_VISITOR)
    except zlib.error as error:
        raise ValueError("expected a compressed visitor") from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError(f"expected one compressed visitor of at most {MAX_VISITOR} bytes")
    return _three_strings(text)


def _three_strings(payload: bytes) -> tuple[str, str, str]:
    text = payload.decode()
    strings, end = _decode(text)
    if type(strings) is list and len(strings) == 3 and end == len(text):
        first, second, third = strings
        if type(first) is type(second) is type(third) is str:
            return first, second, third
    raise ValueError("expected a list of three strings")


# raw_decode does not search for spaces around the list, which would take four times as long as decoding.
_decode = json.JSONDecoder().raw_decode
