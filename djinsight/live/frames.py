"""Frames: the JSON strings that the server sends to a page, and the close codes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import IntEnum

from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import Reason


class CloseCode(IntEnum):
    """Why the server closes a socket. 4400-4499: do not reconnect. 4500-4599: reconnect later."""

    MISUSE = 4400  # the client sent too many unreadable frames
    FLOOD = 4401  # the client sent more frames a second than any page does
    EXPIRED = 4402  # a watch token of the page has expired; the page gets another one when it is loaded again
    NO_PONG = 4500  # the client did not answer a ping in time
    SLOW = 4501  # the client does not read the frames that it asked for


_encode = json.JSONEncoder(separators=(",", ":")).encode


def counted(view_id: str, unique: bool) -> str:
    """Return the frame that says that Redis has counted a view. ``view_id`` is parsed, so it needs no escaping."""
    return f'{{"type":"counted","id":"{view_id}","unique":{"true" if unique else "false"}}}'


def visitor(issued: str, max_age: int) -> str:
    """Return the frame that gives a browser its signed id, to keep for ``max_age`` seconds. It needs no escaping."""
    return f'{{"type":"visitor","visitor":"{issued}","max_age":{max_age}}}'


def rejected(view_id: str, reason: Reason) -> str:
    """Return the frame that says that a view was not counted, and why."""
    return f'{{"type":"rejected","id":"{view_id}","reason":"{reason}"}}'


def error(reason: Reason) -> str:
    """Return the frame that says that a frame without a valid view id was refused, and why."""
    return f'{{"type":"error","reason":"{reason}"}}'


def ping(n: int) -> str:
    """Return the frame that asks the client to answer with ``n``."""
    return f'{{"type":"ping","n":{n}}}'


def counter(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON, for an element of a ``counters`` frame."""
    return _encode(snapshot.as_counter())


def counters(elements: Iterable[str]) -> str:
    """Return a ``counters`` frame of strings that ``counter()`` made."""
    return f'{{"type":"counters","counters":[{",".join(elements)}]}}'
