"""API: correct what was counted.

Each function has an async twin with the same name and an ``a`` in front, as ``aset_totals`` of ``set_totals``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from djinsight.counting.snapshot import Snapshot
from djinsight.history import corrections
from djinsight.live import publisher
from djinsight.tracked.refs import ObjectRef

__all__ = ["Totals", "aforget_visitor", "amerge", "aset_totals", "forget_visitor", "merge", "set_totals"]

P = ParamSpec("P")
T = TypeVar("T")


class Totals(NamedTuple):
    """The totals of an object after a correction, with the views that are not in the database yet."""

    total_views: int
    unique_views: int


def set_totals(obj: Any, *, total_views: int | None = None, unique_views: int | None = None) -> Totals:
    """Set the totals of ``obj``; later views add to them.

    Open pages show a larger number at once, a smaller one after they are loaded again. The log and the sums by day and
    hour do not change.

    Args:
        obj: A saved object of a tracked model, or its ObjectRef.
        total_views: The new number of views, None to keep the present one.
        unique_views: The new number of unique visitors, None to keep the present one.

    Returns:
        The totals from now on.

    Raises:
        InvalidRef: If the object is not saved, or its model has a key of a type that is not counted.
        ValueError: If a number is negative or too large, or there would be more unique views than views.
        CountingUnavailable: If Redis does not answer; nothing was set then.
        RuntimeError: If the caller is in a transaction. Call it after the commit.
    """
    ref = _ref(obj)
    renewed = corrections.set_totals(ref, total_views=total_views, unique_views=unique_views)
    publisher.correct([ref])
    return _totals(renewed[ref])


def merge(source: Any, into: Any) -> Totals:
    """Move all views of ``source`` to ``into``, for example before ``source`` is deleted.

    Log rows, totals and sums by day and hour move. A visitor that the log has for both counts once.

    Args:
        source: A saved object of a tracked model, or its ObjectRef.
        into: Another object, of any tracked model, or its ObjectRef.

    Returns:
        The totals of ``into`` from now on.

    Raises:
        InvalidRef: If an object is not saved, or its model has a key of a type that is not counted.
        ValueError: If both are one object.
        CountingUnavailable: If Redis does not answer; nothing was moved then.
        RuntimeError: If the caller is in a transaction. Call it after the commit.
    """
    refs = _ref(source), _ref(into)
    renewed = corrections.merge(*refs)
    publisher.correct(refs)
    return _totals(renewed[refs[1]])


def forget_visitor(visitor: str) -> int:
    """Delete all data about a visitor: log rows, dead letters, and keys in Redis.

    The numbers of objects do not change. If the visitor comes back it is a new one.

    Args:
        visitor: The value in the column ``visitor`` of the log.

    Returns:
        How many log rows were deleted.

    Raises:
        ValueError: If ``visitor`` is empty.
        CountingUnavailable: If Redis does not answer.
        RuntimeError: If the caller is in a transaction. Call it after the commit.
    """
    return corrections.forget_visitor(visitor)


def _async(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return the async twin of ``function``, which calls it in a thread."""
    in_thread = sync_to_async(function)

    @wraps(function)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(*args, **kwargs)

    twin.__name__ = twin.__qualname__ = f"a{function.__name__}"
    return twin


aset_totals = _async(set_totals)
amerge = _async(merge)
aforget_visitor = _async(forget_visitor)


def _ref(obj: Any) -> ObjectRef:
    return obj if isinstance(obj, ObjectRef) else ObjectRef.of(obj)


def _totals(snapshot: Snapshot) -> Totals:
    return Totals(snapshot.total_views, snapshot.unique_views)
