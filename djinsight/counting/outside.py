"""Outside of the event loop: a blocking function is called in another thread if this one runs a loop."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from djinsight.counting import baseline
from djinsight.exceptions import CountingUnavailable

WITHIN = 5.0  # seconds that the event loop waits for the database
REST = 5.0  # seconds in which the database is not asked again after it did not answer
THREADS = 4

T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="djinsight-outside")
_rest_until = 0.0  # in the monotonic clock's time


def outside_loop(function: Callable[..., T], *args: Any) -> T:
    """Return ``function(*args)``, called in another thread if this one runs an event loop.

    Django refuses database queries in a thread with a running loop. An attribute or a template tag cannot be awaited,
    so that it blocks until the other thread is done, as it blocks for a reply of Redis.

    Raises:
        CountingUnavailable: There was no answer within ``WITHIN`` seconds, now or a moment ago.
    """
    global _rest_until
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function(*args)
    if time.monotonic() < _rest_until:
        raise CountingUnavailable("the database did not answer a moment ago")
    future = _threads.submit(contextvars.copy_context().run, _call, function, args)
    try:
        return future.result(WITHIN)
    except TimeoutError as error:
        if future.done():
            raise  # the function raised it
        future.cancel()
        _rest_until = time.monotonic() + REST
        raise CountingUnavailable(f"the database did not answer within {WITHIN} s") from error


def _call(function: Callable[..., T], args: tuple[Any, ...]) -> T:
    baseline.release()
    try:
        return function(*args)
    finally:
        baseline.release()
