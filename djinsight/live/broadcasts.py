"""Broadcasts: the message with new counters that goes to every process, and the reading of it. Pure.

Any message may come in: of another version while an upgrade rolls, or of another program that uses the same Redis.
What is not understood is left out; the hub's reread brings those numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from djinsight.counting.snapshot import Snapshot

TYPE = "djinsight.counters"
VERSION = 1  # of the fields of a counter; another one is not read
MAX_COUNTERS = 500  # a message

_FIELDS = 7
_MOST = 90_000_000_000  # views, of which a version is still exact in JSON
_LAST_DAY = 100_000  # its number; a version has no room for more
_LAST_MS = 2**43  # the year 2248


class Misunderstood(ValueError):
    """A message that is none of ours, or of another version."""


def message(snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Return the message that carries ``snapshots``, at most ``MAX_COUNTERS``."""
    return {"type": TYPE, "version": VERSION, "counters": snapshots}


def counters(received: Any) -> list[Sequence[Any]]:
    """Return the counters in a message: lists whose first element may be the name of a ref. Raises Misunderstood."""
    if not isinstance(received, dict):
        raise Misunderstood(f"expected a dict but got {type(received).__name__}")
    version, listed = received.get("version"), received.get("counters")
    if received.get("type") != TYPE or version != VERSION:
        raise Misunderstood(f"expected version {VERSION} of {TYPE} but got something else")
    if not isinstance(listed, list | tuple) or len(listed) > MAX_COUNTERS:
        raise Misunderstood(f"expected a list of at most {MAX_COUNTERS} counters")
    return [each for each in listed if isinstance(each, list | tuple) and each and isinstance(each[0], str)]


def is_counter(fields: Sequence[Any]) -> bool:
    """Return whether ``fields`` can be those of a ``Snapshot``."""
    if len(fields) != _FIELDS:
        return False
    _, *counts, first, last, day = fields
    return (
        all(type(each) is int and 0 <= each <= _MOST for each in counts)
        and all(each is None or (type(each) is int and 0 <= each < _LAST_MS) for each in (first, last))
        and type(day) is int
        and 0 <= day < _LAST_DAY
    )
