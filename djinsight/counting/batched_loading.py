"""Batched loading: threads of this process that need counters at the same time share one load (group commit).

While one thread loads, threads that come later wait. When it is done, one of the waiting threads loads the counters
that all of them need. So each thread waits for about two loads at most, however many threads there are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import redis

from djinsight.counting import connections
from djinsight.counting.snapshot import Snapshot
from djinsight.tracked.refs import ObjectRef

WAIT = 1.0  # seconds that a thread waits for others, or its Redis timeout if that is shorter; then it loads alone

Found = dict[ObjectRef, Snapshot]


class _Caller:
    """A thread that needs the counters of ``refs``. The lane's lock guards ``leads``."""

    def __init__(self, refs: Sequence[ObjectRef]) -> None:
        self.refs = refs
        self.told = threading.Event()  # set with one of the next three; without any of them the thread loads alone
        self.leads = False
        self.found: Found | None = None
        self.error: Exception | None = None


class Lane:
    """Shares the loads of one shard among threads.

    Args:
        load: Loads the counters of the refs that it is given.
    """

    def __init__(self, load: Callable[[Sequence[ObjectRef]], Found]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._busy = False  # a thread leads, or was told to lead
        self._waiting: list[_Caller] = []

    def load(self, refs: Sequence[ObjectRef]) -> Found:
        """Load the counters of ``refs``, together with those that other threads need.

        Raises:
            CountingUnavailable: The database does not answer, or the counters cannot be loaded now.
            redis.RedisError: Redis does not answer.
            OSError: Redis does not answer.
        """
        caller = _Caller(refs)
        with self._lock:
            if self._busy:
                self._waiting.append(caller)
            else:
                self._busy = caller.leads = True
        if not caller.leads:
            self._wait(caller)
        if caller.leads:
            return self._lead(caller)
        if caller.error is not None:
            raise caller.error
        if caller.found is not None:
            return {ref: caller.found[ref] for ref in refs}
        return self._load(refs)

    def _wait(self, caller: _Caller) -> None:
        try:
            caller.told.wait(min(WAIT, connections.timeout_here()))
        except BaseException:
            with self._lock:
                self._leave(caller)
                if caller.leads:
                    self._pass_on()
            raise
        with self._lock:
            self._leave(caller)

    def _leave(self, caller: _Caller) -> None:
        if caller in self._waiting:
            self._waiting.remove(caller)

    def _lead(self, caller: _Caller) -> Found:
        """Load the counters that ``caller`` and all waiting threads need."""
        with self._lock:
            others, self._waiting = self._waiting, []
        try:
            refs = dict.fromkeys(ref for each in (caller, *others) for ref in each.refs)
            found = self._load(list(refs))
            for each in others:
                each.found = found
            return found if not others else {ref: found[ref] for ref in caller.refs}
        except (redis.RedisError, OSError) as error:
            for each in others:
                each.error = error
            raise
        finally:
            # Any other error may come from this thread's transaction: after it each of the others loads alone.
            for each in others:
                each.told.set()
            with self._lock:
                self._pass_on()

    def _pass_on(self) -> None:
        if not self._waiting:
            self._busy = False
            return
        first = self._waiting.pop(0)
        first.leads = True
        first.told.set()


_lanes: dict[int, Lane] = {}


def lane(shard: int, load: Callable[[int, Sequence[ObjectRef]], Found]) -> Lane:
    """Return the lane of ``shard``, which loads with ``load(shard, refs)``."""
    found = _lanes.get(shard)
    return found or _lanes.setdefault(shard, Lane(lambda refs: load(shard, refs)))


os.register_at_fork(after_in_child=_lanes.clear)
