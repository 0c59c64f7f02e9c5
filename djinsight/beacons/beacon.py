"""Beacons: ``parse()`` is the only reader of what a client sends.

A frame is one JSON object of at most ``MAX_FRAME`` bytes. It becomes one of four messages or a ``Rejected`` with a
typed reason; the client's text goes into no error message.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from djinsight.beacons import tokens
from djinsight.beacons.unprintable import UNPRINTABLE
from djinsight.exceptions import InvalidRef, Reason, Rejected
from djinsight.tracked import refs
from djinsight.tracked.refs import ObjectRef

MAX_FRAME = 4096  # bytes of UTF-8
MAX_URL = 2048  # characters; the referrer too
MAX_TOKENS = 100  # in one subscribe

_VIEW_ID = re.compile(r"[A-Za-z0-9_-]{16,36}", re.ASCII)


class Beacon(NamedTuple):
    """One view of ``ref``, as the client told it. ``view_id`` is the client's, the same across retries."""

    view_id: str
    ref: ObjectRef
    url: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The client wants the counters of ``refs`` from now on; ``refused`` holds a reason for each bad token.

    ``until`` is when the first of the good tokens expires (Unix seconds), None where none does.
    """

    refs: list[ObjectRef]
    refused: list[Reason]
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    refs: list[ObjectRef]


@dataclass(frozen=True, slots=True)
class Pong:
    n: int


Message = Beacon | Subscribe | Unsubscribe | Pong


def parse(text: str) -> Message:
    """Read one frame. Raises Rejected; for a view with a valid id, ``view_id`` is set on it."""
    frame = load(text)
    kind = frame.get("type")
    if kind == "view":
        return view(frame)
    if kind == "subscribe":
        return _subscribe(watched(frame))
    if kind == "unsubscribe":
        return _unsubscribe(frame)
    if kind == "pong":
        n = frame.get("n")
        if type(n) is not int:
            raise Rejected(Reason.MALFORMED)
        return Pong(n)
    raise Rejected(Reason.UNKNOWN_TYPE)


def load(text: str, limit: int = MAX_FRAME) -> dict[str, Any]:
    """The JSON object in ``text`` of at most ``limit`` bytes. Raises Rejected (``too_large`` or ``malformed``)."""
    # Only a text between a quarter of the limit and the limit needs to be encoded to know its size.
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
    """The beacon in a frame of type ``view``. Raises Rejected."""
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
    """The watch tokens in a frame. Raises Rejected."""
    listed = frame.get("tokens")
    if type(listed) is not list or not all(type(token) is str for token in listed):
        raise Rejected(Reason.MALFORMED)
    if len(listed) > MAX_TOKENS:
        raise Rejected(Reason.SUBSCRIPTIONS)
    return listed


def _subscribe(listed: list[str]) -> Subscribe:
    good: dict[ObjectRef, None] = {}
    refused: list[Reason] = []
    expire: list[int] = []
    for token in listed:
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
        raise Rejected(Reason.MALFORMED) from None  # it quotes the client


def _text(frame: dict[str, Any], field: Reason, view_id: str) -> str:
    """An optional text field, named as the reason to refuse it."""
    value = frame.get(field, "")
    if type(value) is not str or len(value) > MAX_URL:
        raise Rejected(field, view_id)
    # What is printable to Python is to us as well, and is known in a tenth of the time.
    if not value.isprintable() and UNPRINTABLE.search(value):
        raise Rejected(field, view_id)
    return value


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError("expected JSON but got NaN or Infinity")


# Made once: json.loads with options makes one a call, which costs more than the reading. Not its decode(), which looks
# for spaces around by regular expressions, and takes twice as long.
_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode
_SPACE = " \t\n\r"  # RFC 8259, 2
