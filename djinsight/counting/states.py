"""States: a failure that lasts is logged once, then once a minute with a count, and once more when it is over.

A loop fails hundreds of times a second while a server is down. A log line for each failure would hide all others.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass

SAY_AGAIN_AFTER = 60.0  # seconds
OVER_AFTER = 5.0  # seconds without a failure, so that a state that fails every other time does not end each time
MAX_STATES = 256  # states that are known; past it the one that failed longest ago is forgotten


@dataclass(slots=True)
class _State:
    logger: logging.Logger
    began: float
    said: float
    last: float
    times: int = 1  # failures since it began
    unsaid: int = 0  # failures since it was last logged


_states: dict[str, _State] = {}
_lock = threading.Lock()


def failing(
    logger: logging.Logger,
    state: str,
    message: str,
    *args: object,
    level: int = logging.WARNING,
    exc_info: bool = False,
) -> None:
    """Log ``message``, or only count the failure if ``state`` was logged less than a minute ago.

    Args:
        logger: The logger, also for the line that says that the state is over.
        state: The name of the operation and its server, the same at each call. It has no input of a client.
        message: The message, with ``%s`` for the arguments.
        args: The arguments of the message.
        level: The level of the log line.
        exc_info: Log the exception that is being handled as well.
    """
    now = time.monotonic()
    with _lock:
        known = _states.pop(state, None)
        if known is None:
            if len(_states) >= MAX_STATES:
                del _states[next(iter(_states))]
            _states[state] = _State(logger, now, now, now)
            unsaid, seconds = 0, 0.0
        else:
            _states[state] = known
            known.last, known.times, known.unsaid = now, known.times + 1, known.unsaid + 1
            if now - known.said < SAY_AGAIN_AFTER:
                return
            unsaid, seconds = known.unsaid, now - known.said
            known.said, known.unsaid = now, 0
    if unsaid:
        message, args = f"{message} (%d times in the last %d s)", (*args, unsaid, round(seconds))
    logger.log(level, message, *args, exc_info=exc_info)


def over(state: str) -> None:
    """Log that ``state`` is over, if it has failed and does so no longer; else this costs a look-up."""
    if state not in _states:
        return
    now = time.monotonic()
    with _lock:
        known = _states.get(state)
        if known is None or now - known.last < OVER_AFTER:
            return
        del _states[state]
    known.logger.warning("over: %s; it failed %d times in %d s", state, known.times, round(known.last - known.began))


def forget() -> None:
    """Forget every state."""
    with _lock:
        _states.clear()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    _states.clear()


os.register_at_fork(after_in_child=_after_fork)
