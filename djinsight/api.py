"""The Python API: corrections of what was counted.

Each function has an async twin, whose name has an ``a`` before it.
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
    """The live totals of an object after a correction."""

    total_views: int
    unique_views: int


def set_totals(obj: Any, *, total_views: int | None = None, unique_views: int | None = None) -> Totals:
    """Set what is counted of ``obj`` until now; views from then on add to it.

    Open pages get a larger number at once, and a smaller one when they are loaded again. The log and the sums by day
    and hour stay what was counted.

    Args:
        obj: A saved object of a tracked model, or its ObjectRef.
        total_views: Its views, None to leave them as they are.
        unique_views: Its unique visitors, None to leave them as they are.

    Raises:
        InvalidRef: The object is not saved, or its key cannot be counted by.
        ValueError: A number is negative or too large, or there would be more unique views than views.
        CountingUnavailable: Redis does not answer: nothing was set.
        RuntimeError: It was called in a transaction. Call it after its commit.
    """
    ref = _ref(obj)
    renewed = corrections.set_totals(ref, total_views=total_views, unique_views=unique_views)
    publisher.correct([ref])
    return _totals(renewed[ref])


def merge(source: Any, into: Any) -> Totals:
    """Move all views of ``source`` to ``into``, as before ``source`` is deleted. Return the totals of ``into``.

    Log rows, totals and sums by day and hour move. A visitor whom the log has seen at both counts once.

    Args:
        source: A saved object of a tracked model, or its ObjectRef.
        into: Another one, of the same model or of another.

    Raises:
        InvalidRef: An object is not saved, or its key cannot be counted by.
        ValueError: Both are one object.
        CountingUnavailable: Redis does not answer: nothing was moved.
        RuntimeError: It was called in a transaction. Call it after its commit.
    """
    refs = _ref(source), _ref(into)
    renewed = corrections.merge(*refs)
    publisher.correct(refs)
    return _totals(renewed[refs[1]])


def forget_visitor(visitor: str) -> int:
    """Delete what is kept of a visitor: log rows, dead letters, and what Redis knows. Return how many log rows.

    The numbers of objects stay. A visitor who comes back is a new one.

    Args:
        visitor: The visitor as the log has it, in the column of that name.

    Raises:
        ValueError: The text is empty.
        CountingUnavailable: Redis does not answer.
        RuntimeError: It was called in a transaction. Call it after its commit.
    """
    return corrections.forget_visitor(visitor)


def _async(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return the async twin of ``function``, which runs it in a thread."""
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
