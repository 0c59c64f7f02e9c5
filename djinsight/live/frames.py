"""Wire frames from server to client, as JSON text, and the close codes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import IntEnum

from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import Reason


class CloseCode(IntEnum):
    """Why the server closes a socket. 4400-4499: do not reconnect. 4500-4599: reconnect later."""

    MISUSE = 4400  # too many frames that could not be read
    FLOOD = 4401  # more frames a second than any page sends
    EXPIRED = 4402  # the right to watch that the page was given is over; a new page has a new one
    NO_PONG = 4500  # a ping was not answered in time
    SLOW = 4501  # the client does not read what it asked for


_encode = json.JSONEncoder(separators=(",", ":")).encode


def counted(view_id: str, unique: bool) -> str:
    """Redis has the view. ``view_id`` has passed the parser: it needs no escaping."""
    return f'{{"type":"counted","id":"{view_id}","unique":{"true" if unique else "false"}}}'


def visitor(issued: str, max_age: int) -> str:
    """The browser is to keep this signed id for ``max_age`` seconds. It needs no escaping."""
    return f'{{"type":"visitor","visitor":"{issued}","max_age":{max_age}}}'


def rejected(view_id: str, reason: Reason) -> str:
    """The view is not counted."""
    return f'{{"type":"rejected","id":"{view_id}","reason":"{reason}"}}'


def error(reason: Reason) -> str:
    """A frame that is not a view with a valid id was refused."""
    return f'{{"type":"error","reason":"{reason}"}}'


def ping(n: int) -> str:
    return f'{{"type":"ping","n":{n}}}'


def counter(snapshot: Snapshot) -> str:
    """One element of a ``counters`` frame."""
    return _encode(snapshot.as_counter())


def counters(elements: Iterable[str]) -> str:
    """A frame of ``counter()`` texts."""
    return f'{{"type":"counters","counters":[{",".join(elements)}]}}'
