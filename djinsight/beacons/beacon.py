"""Beacons: parse and validate the frames of clients.

A frame is one JSON object of at most ``MAX_FRAME`` bytes. It becomes one of four messages, or a ``Rejected`` with a
typed reason. No error message quotes a client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from djinsight.beacons import tokens
from djinsight.beacons.unprintable import UNPRINTABLE
from djinsight.exceptions import InvalidRef, Reason, Rejected
from djinsight.tracked import refs
from djinsight.tracked.refs import ObjectRef

MAX_FRAME = 4096  # bytes of UTF-8
MAX_URL = 2048  # characters of the URL, and of the referrer
MAX_USER_AGENT = 512  # characters; longer ones take up to 430 ms to match against the list, and tell nothing more
MAX_TOKENS = 100  # in one subscribe message

_VIEW_ID = re.compile(r"[A-Za-z0-9_-]{16,36}", re.ASCII)


class Beacon(NamedTuple):
    """One view of ``ref`` as the client reports it; ``view_id`` is made by the client and kept across retries."""

    view_id: str
    ref: ObjectRef
    url: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A request for the counters of ``refs`` from now on.

    Attributes:
        refs: The objects of the valid tokens, each one once.
        refused: A reason for each invalid token.
        until: When the first of the valid tokens expires, in Unix seconds; None if none of them does.
    """

    refs: list[ObjectRef]
    refused: list[Reason]
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A request to send no more counters of ``refs``."""

    refs: list[ObjectRef]


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to the server's ping with the number ``n``."""

    n: int


Message = Beacon | Subscribe | Unsubscribe | Pong


def parse(text: str) -> Message:
    """Parse one frame of a client into a message.

    Raises:
        Rejected: If the frame is malformed or not permitted; with ``view_id`` if it is a view with a valid id.
    """
    frame = load(text)
    kind = frame.get("type")
    read = _READERS.get(kind) if type(kind) is str else None
    if read is None:
        raise Rejected(Reason.UNKNOWN_TYPE)
    return read(frame)


def load(text: str, limit: int = MAX_FRAME) -> dict[str, Any]:
    """Parse the JSON object in ``text``.

    Args:
        text: What the client sent.
        limit: The most bytes that it may take in UTF-8.

    Raises:
        Rejected: With the reason ``too_large`` or ``malformed``.
    """
    # A character takes one to four bytes, so a string is encoded only if its length is a quarter of the limit or more.
    if len(text) > limit or (len(text) > limit // 4 and not text.isascii() and _size(text) > limit):
        raise Rejected(Reason.TOO_LARGE)
    text = text.strip(_SPACE)
    try:
        frame, end = _decode(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(Reason.MALFORMED) from error
    if type(frame) is not dict or end != len(text):
        raise Rejected(Reason.MALFORMED)
    return frame


def view(frame: dict[str, Any]) -> Beacon:
    """Return the beacon in a frame of type ``view``.

    Raises:
        Rejected: If a field is invalid; with ``view_id`` if the id is valid.
    """
    view_id = frame.get("id")
    if type(view_id) is not str or _VIEW_ID.fullmatch(view_id) is None:
        raise Rejected(Reason.ID)
    token = frame.get("token")
    if type(token) is not str:
        raise Rejected(Reason.TOKEN, view_id)
    try:
        ref = tokens.read(token, "view")
    except Rejected as error:
        raise Rejected(error.reason, view_id) from error
    return Beacon(view_id, ref, _text(frame, Reason.URL, view_id), _text(frame, Reason.REFERRER, view_id))


def watched(frame: dict[str, Any]) -> list[str]:
    """Return the watch tokens in a frame, without verifying them.

    Raises:
        Rejected: If they are no list of at most ``MAX_TOKENS`` strings.
    """
    listed = frame.get("tokens")
    if type(listed) is not list or not all(type(token) is str for token in listed):
        raise Rejected(Reason.MALFORMED)
    if len(listed) > MAX_TOKENS:
        raise Rejected(Reason.SUBSCRIPTIONS)
    return listed


def _subscribe(frame: dict[str, Any]) -> Subscribe:
    good: dict[ObjectRef, None] = {}
    refused: list[Reason] = []
    expire: list[int] = []
    for token in watched(frame):
        try:
            good[tokens.read(token, "watch")] = None
        except Rejected as error:
            refused.append(error.reason)
            continue
        expires = tokens.expiry(token)
        if expires is not None:
            expire.append(expires)
    return Subscribe(list(good), refused, min(expire, default=None))


def _unsubscribe(frame: dict[str, Any]) -> Unsubscribe:
    listed = frame.get("refs")
    if type(listed) is not list or not all(type(ref) is str for ref in listed):
        raise Rejected(Reason.MALFORMED)
    try:
        return Unsubscribe([refs.ObjectRef.parse(ref) for ref in listed])
    except InvalidRef:
        raise Rejected(Reason.MALFORMED) from None  # InvalidRef quotes the client


def _pong(frame: dict[str, Any]) -> Pong:
    n = frame.get("n")
    if type(n) is not int:
        raise Rejected(Reason.MALFORMED)
    return Pong(n)


# The types of frames that clients send.
_READERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "view": view,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "pong": _pong,
}


def _text(frame: dict[str, Any], field: Reason, view_id: str) -> str:
    """Return an optional string field; ``field`` is its name and the reason to reject an invalid value."""
    value = frame.get(field, "")
    if type(value) is not str or len(value) > MAX_URL:
        raise Rejected(field, view_id)
    # Every string that Python calls printable passes the pattern, too, and isprintable() takes a tenth of its time.
    if not value.isprintable() and UNPRINTABLE.search(value):
        raise Rejected(field, view_id)
    return value


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError("expected JSON but got NaN or Infinity")


# One decoder for all frames, as json.loads() with options makes one a call, which takes longer than parsing does.
# raw_decode() takes half as long as decode(), which strips white space with regular expressions.
_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode
_SPACE = " \t\n\r"  # RFC 8259, 2
