"""Eager tasks: run a coroutine at once, and make a task only if it has to wait."""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

logger = logging.getLogger("djinsight.live")

_tasks: set[asyncio.Task[None]] = set()  # strong references, because the event loop keeps only weak ones


def start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run ``coroutine`` until it waits, and return a task for the rest, or None if it has ended.

    Daphne accepts a frame without waiting. A task and a loop iteration for each frame would add a tenth to the time
    that a view takes.
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


# Python 3.11 has no eager tasks. Remove the rest of this module with its support.


def _start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    except Exception:
        logger.exception("A frame could not be sent, and is lost. The traceback tells why.")
        return None
    return keep(asyncio.get_running_loop().create_task(_go_on(coroutine, awaited)))


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Run the rest of ``coroutine``, which is waiting for ``awaited``."""
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
