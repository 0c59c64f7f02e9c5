"""Eager tasks: a coroutine runs at once, and becomes a task only if it has to wait."""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

logger = logging.getLogger("djinsight.live")

_tasks: set[asyncio.Task[None]] = set()  # the loop keeps only weak references


def start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run ``coroutine`` until it waits, and return a task for the rest, or None if it has ended.

    Daphne takes a frame without waiting. A task and a loop iteration for each frame would be a tenth of a view's cost.
    """
    if sys.version_info >= (3, 12):
        task = asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
        return None if task.done() else keep(task)
    return _start(coroutine)


def keep(task: asyncio.Task[None]) -> asyncio.Task[None]:
    """Hold ``task`` until it is done, and return it."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


# Python 3.11 has no eager tasks: what follows goes with it.


def _start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    except Exception:
        logger.exception("a frame could not be sent")
        return None
    return keep(asyncio.get_running_loop().create_task(_go_on(coroutine, awaited)))


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Run the rest of ``coroutine``, which waits for ``awaited``."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, sent)
        try:
            awaited = step()
        except StopIteration:
            return
