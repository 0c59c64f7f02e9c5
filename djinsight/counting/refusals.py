"""Refusals: how many handshakes, frames and views were refused, by reason and day.

They come at the rate of an attack, so that each one costs an addition in the process, and Redis hears of their sums
every ``FLUSH_EVERY`` seconds. What a client sends is in none of it: there is a number for each ``Reason`` and day. A
process that is killed loses what it has counted since then; one that ends by itself loses nothing. Where an answer of
Redis is lost, the sums that were sent may be added twice.
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
MAX_NUMBER = 2**53  # a larger one was not counted
MAX_KEPT = 10_000  # numbers in the process while Redis is down, a year of them; past it the counts are dropped

Counts = dict[tuple[date, Reason], int]

_counts: Counter[tuple[str, Reason]] = Counter()
_lock = threading.Lock()
_timer: threading.Timer | None = None


def count(reason: Reason) -> None:
    """Count a refusal. From any thread, with an event loop or without."""
    global _timer
    if conf.testing:
        return
    with _lock:
        _counts[days.now().stamp, reason] += 1
        if _timer is None:
            # A thread, as under WSGI a loop ends with its request, and Redis may take its time.
            _timer = threading.Timer(FLUSH_EVERY, flush)
            _timer.daemon = True
            _timer.start()


def flush() -> None:
    """Add to Redis what this process has counted; where Redis does not answer, with the next refusals."""
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
        states.failing(logger, "refusals", "refusals are not in Redis yet: %s", faults.described(error))
        with _lock:
            _counts.update(counted)
            if len(_counts) > MAX_KEPT:
                _counts.clear()
    else:
        states.over("refusals")


def pending(moved: str = "") -> Counts:
    """What Redis has and the database has not yet, without what processes have not sent. Raises redis.RedisError.

    ``moved`` is the id of the batch that the database has: Redis still has it where it was not dropped yet.
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
    """The counts in a hash of Redis; what is none of ours is left out. Pure."""
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
    """Drop what this process has counted."""
    global _timer
    with _lock:
        if _timer is not None:
            _timer.cancel()
        _timer = None
        _counts.clear()


def _after_fork() -> None:
    """The parent's counts are the parent's, and so is the thread that would send them."""
    global _lock, _timer
    _lock, _timer = threading.Lock(), None
    _counts.clear()


def _at_exit(*args: Any) -> None:
    flush()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
