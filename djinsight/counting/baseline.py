"""Persistence: what the database has of any object, and how far it goes.

This room knows no tables; the function that reads them is handed to ``use`` when the app is wired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from djinsight import days
from djinsight.exceptions import CountingUnavailable
from djinsight.metrics import NO_MORE
from djinsight.tracked.refs import ObjectRef

TRIES = 5  # times the database is read again because a worker wrote it meanwhile


@dataclass(slots=True)
class Persisted:
    """What the database has of one object; times in Unix ms."""

    total_views: int = 0
    unique_views: int = 0
    views_today: int = 0
    first_viewed_ms: int | None = None
    last_viewed_ms: int | None = None
    more: tuple[int, ...] = NO_MORE  # further metrics


@dataclass(slots=True)
class Persistence:
    """The database at one moment: how far one shard is persisted, and the totals up to there."""

    epoch: str
    last_id: str
    last_seq: int
    totals: dict[ObjectRef, Persisted] = field(default_factory=dict)


Loader = Callable[[int, Sequence[ObjectRef], days.Moment], Persistence]

_loader: Loader | None = None
_release: Callable[[], None] | None = None
_identify: Callable[[], str] | None = None


def use(loader: Loader, release: Callable[[], None], identify: Callable[[], str]) -> None:
    """Read the database with ``loader(shard, refs, today)`` from now on.

    ``release`` lets go of database connections that are too old, as a server does around a request. ``identify`` tells
    one database from another.
    """
    global _loader, _release, _identify
    _loader, _release, _identify = loader, release, identify


def read(shard: int, refs: Sequence[ObjectRef], moment: days.Moment) -> Persistence:
    """The totals of ``refs``, all of ``shard``, and how far they go. Raises CountingUnavailable."""
    if _loader is None:
        raise CountingUnavailable("expected djinsight in INSTALLED_APPS but its app is not ready")
    return _loader(shard, refs, moment)


def identity() -> str:
    """Return what tells our database from another site's, ``""`` if it does not answer or has no tables yet."""
    return "" if _identify is None else _identify()


def release() -> None:
    """Let go of connections that are too old: before and after reading in a thread that no server looks after."""
    if _release is not None:
        _release()
