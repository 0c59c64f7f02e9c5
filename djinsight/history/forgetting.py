"""Forgetting: delete the counters of deleted objects from Redis, in a thread of its own.

Code that deletes an object waits for this, but not for long: if Redis hangs, only one deletion waits for it. The next
deletion retries what failed. The nightly ``djinsight.cleanup`` finds the counters that a process leaves behind.
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
MAX_WAITING = 100_000  # objects; beyond it the oldest are left to the nightly cleanup

_STATE = "forgetting deleted objects"

logger = logging.getLogger("djinsight.history")

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="djinsight-forgetting")
_waiting: deque[ObjectRef] = deque(maxlen=MAX_WAITING)
_last: Future[None] | None = None


def forget(refs: Sequence[ObjectRef]) -> None:
    """Delete the counters of ``refs``, and wait for it at most ``WITHIN`` seconds.

    If earlier deletions still wait for Redis, the caller does not wait.
    """
    global _last
    if conf.testing:
        return
    behind = bool(_waiting) or (_last is not None and not _last.done())
    _waiting.extend(refs)
    _last = _thread.submit(_forget_waiting)
    if not behind and wait([_last], WITHIN).not_done:
        _failing(
            "Redis is slow to delete the counters of %d deleted objects. They are deleted when it answers; deletions do"
            " not wait for it until then. Check Redis.",
            len(refs),
        )


def abandon() -> None:
    """Drop the refs that wait; the nightly cleanup finds their counters."""
    _waiting.clear()


def _forget_waiting() -> None:
    """Delete the counters of all refs that wait, in one call.

    If Redis hangs, all of them together cost one more timeout, not one for each object.
    """
    refs: list[ObjectRef] = []
    while _waiting:
        refs.append(_waiting.popleft())
    if not refs:
        return
    try:
        loading.forget(refs)
    except CountingUnavailable as error:
        _waiting.extendleft(reversed(refs))
        text = (
            "the counters of %d deleted objects stay in Redis until the next deletion or djinsight.cleanup, as Redis"
            " does not answer: %s"
        )
        _failing(text, len(refs), error)
    else:
        states.over(_STATE)


def _failing(text: str, *args: object) -> None:
    states.failing(logger, _STATE, text, *args)
