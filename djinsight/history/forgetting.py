"""Forgetting: the counters of deleted objects go from Redis, in a thread of its own.

Whoever deletes an object waits for it, but not for long: a Redis that hangs is waited for once. The next deletion tries
again to forget what could not be forgotten; what a process leaves is found by the nightly ``djinsight.cleanup``.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from djinsight.conf import conf
from djinsight.counting import loading, states
from djinsight.exceptions import CountingUnavailable
from djinsight.tracked.refs import ObjectRef

WITHIN = 2.0  # seconds that a deletion waits for Redis
MAX_WAITING = 100_000  # objects; past it the first ones are left to the nightly cleanup

_STATE = "forgetting deleted objects"

logger = logging.getLogger("djinsight.history")

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="djinsight-forgetting")
_waiting: deque[ObjectRef] = deque(maxlen=MAX_WAITING)
_last: Future[None] | None = None


def forget(refs: Sequence[ObjectRef]) -> None:
    """Delete the counters of ``refs``; wait for it ``WITHIN`` seconds, and not if Redis is behind or did not answer."""
    global _last
    if conf.testing:
        return
    behind = bool(_waiting) or (_last is not None and not _last.done())
    _waiting.extend(refs)
    _last = _thread.submit(_forget_waiting)
    if not behind and wait([_last], WITHIN).not_done:
        _failing("Redis is slow to forget the counters of %d deleted objects: nothing waits for it", len(refs))


def abandon() -> None:
    """Leave what waits to the nightly cleanup."""
    _waiting.clear()


def _forget_waiting() -> None:
    """Take all at once: what came in while Redis hung costs one more timeout, and not one an object."""
    refs: list[ObjectRef] = []
    while _waiting:
        refs.append(_waiting.popleft())
    if not refs:
        return
    try:
        loading.forget(refs)
    except CountingUnavailable as error:
        _waiting.extendleft(reversed(refs))
        text = "the counters of %d deleted objects stay in Redis until the next deletion or djinsight.cleanup: %s"
        _failing(text, len(refs), error)
    else:
        states.over(_STATE)


def _failing(text: str, *args: object) -> None:
    states.failing(logger, _STATE, text, *args)
