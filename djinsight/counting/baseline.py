"""Baseline: the totals that the database has, and the last entry of the stream that they include.

This package knows no tables. The function that reads them is passed to ``use`` when the app becomes ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from djinsight import days
from djinsight.exceptions import CountingUnavailable
from djinsight.metrics import NO_MORE
from djinsight.tracked.refs import ObjectRef

TRIES = 5  # reads of the database; each is repeated if a worker has written to it meanwhile


@dataclass(slots=True)
class Persisted:
    """The totals that the database has of one object; times in Unix ms."""

    total_views: int = 0
    unique_views: int = 0
    views_today: int = 0
    first_viewed_ms: int | None = None
    last_viewed_ms: int | None = None
    more: tuple[int, ...] = NO_MORE  # further metrics


@dataclass(slots=True)
class Persistence:
    """The database at one moment: the cursor of one shard, and the totals up to it.

    Attributes:
        epoch: The epoch of the cursor.
        last_id: The stream id of the last persisted entry.
        last_seq: The number of the last persisted entry.
        totals: The totals of the objects that were asked for.
    """

    epoch: str
    last_id: str
    last_seq: int
    totals: dict[ObjectRef, Persisted] = field(default_factory=dict)


Loader = Callable[[int, Sequence[ObjectRef], days.Moment], Persistence]

_loader: Loader | None = None
_release: Callable[[], None] | None = None
_identify: Callable[[], str] | None = None


def use(loader: Loader, release: Callable[[], None], identify: Callable[[], str]) -> None:
    """Read the database with ``loader`` from now on.

    Args:
        loader: Called as ``loader(shard, refs, moment)``; returns the totals of ``refs``, which all live on ``shard``.
        release: Closes database connections that are too old, as a server does around a request.
        identify: Returns a string that tells one database from another.
    """
    global _loader, _release, _identify
    _loader, _release, _identify = loader, release, identify


def read(shard: int, refs: Sequence[ObjectRef], moment: days.Moment) -> Persistence:
    """Return the persisted totals of ``refs``, and the cursor that they belong to.

    Args:
        shard: The shard that all of ``refs`` live on.
        refs: The objects to read.
        moment: The moment whose day ``views_today`` counts.

    Raises:
        CountingUnavailable: The app is not ready, or the database does not answer.
    """
    if _loader is None:
        raise CountingUnavailable("expected djinsight in INSTALLED_APPS, but its app is not ready")
    return _loader(shard, refs, moment)


def identity() -> str:
    """Return the identity of this site's database, ``""`` if it does not answer or has no tables yet."""
    return "" if _identify is None else _identify()


def release() -> None:
    """Close database connections that are too old.

    A thread outside of requests calls this before and after it reads, because no server does it there.
    """
    if _release is not None:
        _release()
