"""Broadcasts: build and read the messages that go to every process of the site. Pure.

Any message may arrive: one of another version during a rolling upgrade, or one of another program in the same Redis.
The hub drops a message that is not understood; its next reread brings the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from djinsight.counting.snapshot import Snapshot
from djinsight.metrics import MORE
from djinsight.tracked.refs import ObjectRef

TYPE = "djinsight.counters"  # new counters
CORRECTED = "djinsight.corrected"  # refs whose numbers a correction has changed
MOVED = "djinsight.moved"  # Redis lost its data, so the site has another id and another group
VERSION = 2  # of a counter's fields; other versions are not read
MAX_COUNTERS = 500  # in one message

_FIELDS = 8
_MOST = 90_000_000_000  # views; the version of a larger number would not be exact in JSON
_LAST_DAY = 100_000  # number of a day; a version has no room for more
_LAST_MS = 2**43  # the year 2248


class Misunderstood(ValueError):
    """A message that this version of the package cannot read."""


def message(snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Return the message that carries ``snapshots``, at most ``MAX_COUNTERS``."""
    return {"type": TYPE, "version": VERSION, "counters": snapshots}


def corrected(refs: Sequence[ObjectRef]) -> dict[str, Any]:
    """Return the message that makes hubs read ``refs`` again after a correction, at most ``MAX_COUNTERS``."""
    return {"type": CORRECTED, "version": VERSION, "refs": [str(ref) for ref in refs]}


def moved() -> dict[str, Any]:
    """Return the message that makes the other processes join the site's new group."""
    return {"type": MOVED, "version": VERSION}


def kind(received: Any) -> str:
    """Return the type of a message: ``TYPE``, ``CORRECTED`` or ``MOVED``.

    Raises:
        Misunderstood: It is not a dict of one of these types and of ``VERSION``.
    """
    if not isinstance(received, dict):
        raise Misunderstood(f"expected a dict but got {type(received).__name__}")
    of = received.get("type")
    if of not in (TYPE, CORRECTED, MOVED) or received.get("version") != VERSION:
        raise Misunderstood(f"expected a djinsight message of version {VERSION} but got another type or version")
    return str(of)


def counters(received: Any) -> list[Sequence[Any]]:
    """Return the counters in a message of ``TYPE``.

    Each is a sequence whose first element is a string, which may be the name of a ref; ``is_counter`` checks the rest.

    Raises:
        Misunderstood: It is another message, or has more than ``MAX_COUNTERS``.
    """
    if kind(received) != TYPE:
        raise Misunderstood(f"expected a message of type {TYPE} but got another one")
    listed = _listed(received, "counters")
    return [each for each in listed if isinstance(each, list | tuple) and each and isinstance(each[0], str)]


def names(received: Any) -> list[str]:
    """Return the names of the refs in a message of ``CORRECTED``.

    Raises:
        Misunderstood: It has no list of refs, or more than ``MAX_COUNTERS``.
    """
    return [each for each in _listed(received, "refs") if isinstance(each, str)]


def _listed(received: Any, name: str) -> Sequence[Any]:
    listed = received.get(name)
    if not isinstance(listed, list | tuple) or len(listed) > MAX_COUNTERS:
        raise Misunderstood(f"expected a list of at most {MAX_COUNTERS} {name}")
    return listed


def is_counter(fields: Sequence[Any]) -> bool:
    """Return whether ``fields`` are valid values for a ``Snapshot``."""
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
