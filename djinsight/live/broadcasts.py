"""Broadcasts: the messages that go to every process of the site, and the reading of them. Pure.

Any message may come in: of another version while an upgrade rolls, or of another program that uses the same Redis.
A message that is not understood is left out; the hub's reread brings its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from djinsight.counting.snapshot import Snapshot
from djinsight.metrics import MORE
from djinsight.tracked.refs import ObjectRef

TYPE = "djinsight.counters"  # new counters
CORRECTED = "djinsight.corrected"  # its refs: objects whose numbers somebody has set
MOVED = "djinsight.moved"  # Redis lost its data, and the site has another id, and so another group
VERSION = 2  # of the fields of a counter; another one is not read
MAX_COUNTERS = 500  # a message

_FIELDS = 8
_MOST = 90_000_000_000  # views, of which a version is still exact in JSON
_LAST_DAY = 100_000  # its number; a version has no room for more
_LAST_MS = 2**43  # the year 2248


class Misunderstood(ValueError):
    """A message that is none of ours, or of another version."""


def message(snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Return the message that carries ``snapshots``, at most ``MAX_COUNTERS``."""
    return {"type": TYPE, "version": VERSION, "counters": snapshots}


def corrected(refs: Sequence[ObjectRef]) -> dict[str, Any]:
    """Return the message that tells of corrected ``refs``, at most ``MAX_COUNTERS``."""
    return {"type": CORRECTED, "version": VERSION, "refs": [str(ref) for ref in refs]}


def moved() -> dict[str, Any]:
    """Return the message that sends the other processes to the site's new group."""
    return {"type": MOVED, "version": VERSION}


def kind(received: Any) -> str:
    """Return the type of a message: ``TYPE``, ``CORRECTED`` or ``MOVED``. Raises Misunderstood."""
    if not isinstance(received, dict):
        raise Misunderstood(f"expected a dict but got {type(received).__name__}")
    of = received.get("type")
    if of not in (TYPE, CORRECTED, MOVED) or received.get("version") != VERSION:
        raise Misunderstood(f"expected a message of version {VERSION} but got something else")
    return str(of)


def counters(received: Any) -> list[Sequence[Any]]:
    """Return the counters in a message: lists whose first element may be the name of a ref. Raises Misunderstood."""
    if kind(received) != TYPE:
        raise Misunderstood(f"expected a message of {TYPE} but got another one")
    listed = _listed(received, "counters")
    return [each for each in listed if isinstance(each, list | tuple) and each and isinstance(each[0], str)]


def names(received: Any) -> list[str]:
    """Return the names of the refs in a message of ``CORRECTED``. Raises Misunderstood."""
    return [each for each in _listed(received, "refs") if isinstance(each, str)]


def _listed(received: Any, name: str) -> Sequence[Any]:
    listed = received.get(name)
    if not isinstance(listed, list | tuple) or len(listed) > MAX_COUNTERS:
        raise Misunderstood(f"expected a list of at most {MAX_COUNTERS} {name}")
    return listed


def is_counter(fields: Sequence[Any]) -> bool:
    """Return whether ``fields`` can be those of a ``Snapshot``."""
    if len(fields) != _FIELDS:
        return False
    _, *counts, first, last, day, more = fields
    return (
        isinstance(more, list | tuple)
        and len(more) == len(MORE)
        and all(type(each) is int and 0 <= each <= _MOST for each in (*counts, *more))
        and all(each is None or (type(each) is int and 0 <= each < _LAST_MS) for each in (first, last))
        and type(day) is int
        and 0 <= day < _LAST_DAY
    )
