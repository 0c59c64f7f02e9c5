"""Loading: threads of this process that need counters at the same time have them loaded together (group commit).

While one of them loads, those that come wait. When it is done one of these loads what all of them need. So each waits
for about two loads at most, however many come.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import redis

from djinsight.counting import connections
from djinsight.counting.snapshot import Snapshot
from djinsight.tracked.refs import ObjectRef

WAIT = 1.0  # seconds that a thread waits for others, or less if it may wait less for Redis; then it loads alone

Found = dict[ObjectRef, Snapshot]


class _Caller:
    """One thread that needs the counters of ``refs``. The lock of the lane is for ``leads``."""

    def __init__(self, refs: Sequence[ObjectRef]) -> None:
        self.refs = refs
        self.told = threading.Event()  # set with one of the next three, or with none: it is to load alone
        self.leads = False
        self.found: Found | None = None
        self.error: Exception | None = None


class Lane:
    """The loads of one shard. ``load`` loads the counters of the refs that it is given."""

    def __init__(self, load: Callable[[Sequence[ObjectRef]], Found]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._busy = False  # one thread leads, or is told to
        self._waiting: list[_Caller] = []

    def load(self, refs: Sequence[ObjectRef]) -> Found:
        """Load the counters of ``refs``. Raises what ``load`` raises."""
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
        """Load what ``caller`` and all that wait need."""
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
            # After any other error, which may be of this thread's transaction, each of the others loads alone.
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
    """Return the lane of ``shard``, in which ``load(shard, refs)`` loads."""
    found = _lanes.get(shard)
    return found or _lanes.setdefault(shard, Lane(lambda refs: load(shard, refs)))


os.register_at_fork(after_in_child=_lanes.clear)
