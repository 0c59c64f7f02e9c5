"""Refusals: the numbers of refused handshakes, frames and views, by reason and day.

Refusals may come at the rate of an attack. So each costs one addition in the process, and the sums go to Redis every
``FLUSH_EVERY`` seconds. No input of a client is kept, only a number for each ``Reason`` and day. A process that is
killed loses the counts since its last flush; a process that ends by itself loses nothing. If a reply of Redis is lost,
the sums that were sent may be added twice.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import redis

from djinsight import days
from djinsight.conf import conf
from djinsight.counting import connections, faults, scripts, sites, states
from djinsight.counting.keys import Keys
from djinsight.exceptions import ForeignDataSet, Reason

logger = logging.getLogger("djinsight.counting")

FLUSH_EVERY = 5.0  # seconds
MAX_NUMBER = 2**53  # a larger number in Redis is not one of ours
MAX_KEPT = 10_000  # numbers in the process while Redis is down, enough for a year; past it all of them are dropped

Counts = dict[tuple[date, Reason], int]

_counts: Counter[tuple[str, Reason]] = Counter()
_lock = threading.Lock()
_timer: threading.Timer | None = None


def count(reason: Reason) -> None:
    """Count a refusal for ``reason``. Any thread may call this, with an event loop or without."""
    global _timer
    if conf.testing:
        return
    with _lock:
        _counts[days.now().stamp, reason] += 1
        if _timer is None:
            # A thread, because under WSGI a loop ends with its request, and Redis may answer slowly.
            _timer = threading.Timer(FLUSH_EVERY, flush)
            _timer.daemon = True
            _timer.start()


def flush() -> None:
    """Add the counts of this process to Redis; if Redis does not answer, keep them for the next flush."""
    global _timer
    with _lock:
        if _timer is not None:
            _timer.cancel()
            _timer = None
        counted = _counts.copy()
        _counts.clear()
    if not counted:
        return
    args = [each for (day, reason), n in counted.items() for each in (f"{day}:{reason}", n)]
    try:
        scripts.count_refusals.call(connections.sync_client(0), [Keys(0).refused, Keys(0).meta], args)
    except (redis.RedisError, OSError, ForeignDataSet) as error:
        text = "refusals are not in Redis yet, so that statistics lack them until it answers: %s"
        states.failing(logger, "refusals", text, faults.described(error))
        with _lock:
            _counts.update(counted)
            if len(_counts) > MAX_KEPT:
                _counts.clear()
    else:
        states.over("refusals")


def pending(moved: str = "") -> Counts:
    """Return the counts that Redis has and the database does not have yet.

    Counts that a process has not flushed yet are missing.

    Args:
        moved: The id of the last batch in the database; Redis may not have dropped it yet.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client, names = connections.sync_client(0), Keys(0)
    if not client.exists(names.refused, names.refused_moving):
        return {}
    try:
        sites.check(0)
    except ForeignDataSet:
        return {}
    found: Counter[tuple[date, Reason]] = Counter()
    for key in (names.refused, names.refused_moving):
        if client.type(key) == b"hash":
            fields = client.hgetall(key)
            if not moved or fields.get(b"id") != moved.encode():
                found.update(read(fields))
    return dict(found)


def read(fields: Mapping[bytes, bytes]) -> Counts:
    """Return the counts in a hash of Redis, without fields that are not ours. Pure."""
    counts: Counts = {}
    for name, value in fields.items():
        day, _, reason = name.decode("utf-8", "replace").partition(":")
        try:
            number = int(value)
            if 0 < number < MAX_NUMBER:
                counts[datetime.strptime(day, "%Y%m%d").date(), Reason(reason)] = number
        except ValueError:
            continue
    return counts


def forget() -> None:
    """Drop the counts of this process."""
    global _timer
    with _lock:
        if _timer is not None:
            _timer.cancel()
        _timer = None
        _counts.clear()


def _after_fork() -> None:
    """Begin without counts in a forked child: the parent keeps them, and its timer thread sends them."""
    global _lock, _timer
    _lock, _timer = threading.Lock(), None
    _counts.clear()


def _at_exit(*args: Any) -> None:
    flush()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
