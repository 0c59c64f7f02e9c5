"""The recorder: counts many beacons with one script call, and passes their snapshots on (group commit).

While one call is in flight, later views queue. When it returns, they go in the next call, and the views of the call
before are answered while Redis runs that one. So a busy process pays one round trip for hundreds of views, and an idle
process adds no delay.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import redis

from djinsight.conf import conf
from djinsight.counting import capturing, clock, connections, faults, loading, scripts, states
from djinsight.counting.calls import Call
from djinsight.counting.entries import View
from djinsight.counting.faults import WrongServer
from djinsight.counting.keys import shard_of
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable, ForeignDataSet, Reason, Rejected
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.counting")

MAX_BATCH = 512  # views in a script call
FEW = 64  # views that always go in one call
MAX_QUEUE = 10_000  # views that a process may hold; past it a view is refused as busy
LOAD_AGAIN_AFTER = 1.0  # seconds in which no counters are loaded after a load failed

OnUpdate = Callable[[Sequence[Snapshot]], None]
# A callback for one view: called with its id, and with True if it is unique, False if not, or the reason of a refusal.
Answer = Callable[[str, "bool | Reason"], None]
Waiting = tuple[View, Answer]

# By the codes of the script: seen before, counted, unique, not counted because of an error, past a rate limit.
_STOPPED = -1
_OUTCOMES: dict[int, bool | Reason] = {0: False, 1: False, 2: True, _STOPPED: Reason.BUSY, -2: Reason.RATE}


class Recorder:
    """Counts the views of one event loop.

    Args:
        on_update: Called with the new snapshots of the objects whose views were counted or whose counters were loaded.
    """

    def __init__(self, on_update: OnUpdate) -> None:
        self._on_update = on_update
        self._lanes: dict[int, Lane] = {}
        self._cold: dict[ObjectRef, None] = {}  # objects whose counters are loaded next
        self._loading: set[ObjectRef] = set()
        self._loader: asyncio.Task[None] | None = None
        self._load_from = 0.0  # in the loop's time: no load begins before it

    def record(self, view: View) -> asyncio.Future[bool]:
        """Count ``view``, and return a future that is done when Redis has it, never before.

        The future's result is True if the view is unique, else False. It raises Rejected (``busy``, ``rate`` or
        ``unavailable``) if the view is not counted.

        Raises:
            Rejected: ``MAX_QUEUE`` views wait (``busy``), or ``DJINSIGHT_TESTING`` is on (``unavailable``).
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def answer(view_id: str, outcome: bool | Reason) -> None:
            if future.done():
                return
            if isinstance(outcome, Reason):
                future.set_exception(Rejected(outcome, view_id))
            else:
                future.set_result(outcome)

        self.submit(view, answer)
        return future

    def submit(self, view: View, answer: Answer) -> None:
        """Count ``view`` as ``record`` does, and call ``answer(view_id, outcome)`` when Redis has it.

        A callback saves the loop iteration that a future costs.

        Raises:
            Rejected: ``MAX_QUEUE`` views wait (``busy``), or ``DJINSIGHT_TESTING`` is on (``unavailable``).
        """
        if capturing.captures:
            answer(view.beacon.view_id, capturing.captures[-1].take(view))
            return
        if conf.testing:
            raise Rejected(Reason.UNAVAILABLE, view.beacon.view_id)
        if self._waiting() >= MAX_QUEUE:
            text = "%d views wait for Redis, so more are refused as busy and browsers retry. Check the load of Redis."
            states.failing(logger, "queue", text, MAX_QUEUE)
            raise Rejected(Reason.BUSY, view.beacon.view_id)
        shard = shard_of(view.beacon.ref)
        lane = self._lanes.get(shard)
        if lane is None:
            lane = self._lanes[shard] = Lane(shard, self._counted)
        lane.put(view, answer)

    def _waiting(self) -> int:
        waiting = 0
        for lane in self._lanes.values():
            waiting += len(lane.queue)
        return waiting

    def _counted(self, snapshots: Sequence[Snapshot], cold: Sequence[ObjectRef]) -> None:
        if snapshots:
            self._on_update(snapshots)
        self._cold.update((ref, None) for ref in cold if ref not in self._loading)
        if self._cold and self._loader is None and asyncio.get_running_loop().time() >= self._load_from:
            self._loader = asyncio.ensure_future(self._load())

    async def _load(self) -> None:
        """Load the counters of all cold objects together, then of those that have become cold meanwhile.

        They are loaded together because each load reads the stream. If a load fails, the views are in the stream all
        the same, and the next view or reader of the object loads its counters.
        """
        try:
            while self._cold:
                self._loading, self._cold = set(self._cold), {}
                loaded = await loading.aload(list(self._loading))
                self._on_update(list(loaded.values()))
        except Exception as error:
            self._load_from = asyncio.get_running_loop().time() + LOAD_AGAIN_AFTER
            if isinstance(error, CountingUnavailable):
                text = "counters could not be loaded, so open pages do not get them yet: %s"
                states.failing(logger, "loading for views", text, error)
            else:
                text = "counters could not be loaded because of a bug, so open pages do not get them yet"
                states.failing(logger, "loading, by a fault", text, level=logging.ERROR, exc_info=True)
        finally:
            self._loading, self._loader = set(), None

    async def aclose(self) -> None:
        """Wait until all views are counted or refused, and all cold counters are loaded."""
        while tasks := [task for task in (self._loader, *(lane.task for lane in self._lanes.values())) if task]:
            await asyncio.gather(*tasks, return_exceptions=True)


class Lane:
    """Holds the queue of one shard and the task that empties it.

    Args:
        shard: The number of the shard.
        counted: Called after each script call with the new snapshots, and the refs of the objects that are cold.
    """

    def __init__(self, shard: int, counted: Callable[[Sequence[Snapshot], Sequence[ObjectRef]], None]) -> None:
        self.shard = shard
        self._state = f"counting on shard {shard}"
        self.queue: deque[Waiting] = deque()
        self.task: asyncio.Task[None] | None = None
        self._counted = counted
        self._taken = MAX_BATCH  # views in the last call
        self._answers: Callable[[], None] | None = None  # answers the views of the last call, if that was not done yet

    def put(self, view: View, answer: Answer) -> None:
        self.queue.append((view, answer))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        batch: deque[Waiting] = deque()  # the views that are being counted
        try:
            while self.queue:
                batch = self._take()
                await self._commit(batch)
        finally:
            self.task = None
            self._answer()
            # Views are left if the loop ends and cancels its tasks: refuse them, so that no caller waits for ever.
            _refuse(batch, Reason.UNAVAILABLE)
            _refuse(self.queue, Reason.UNAVAILABLE)

    def _take(self) -> deque[Waiting]:
        """Take the views of the next call from the queue.

        If few wait, all of them go; else as many as the mean of their number and of that of the last call. So calls
        become alike in size. Otherwise long and short calls would alternate. A long call leaves few views for the
        next, short one. Behind that many views wait for another long one, and this process idles while Redis runs it.
        """
        waiting = len(self.queue)
        self._taken = min(waiting, MAX_BATCH, max(FEW, (waiting + self._taken) // 2))
        return deque(self.queue.popleft() for _ in range(self._taken))

    async def _commit(self, batch: deque[Waiting]) -> None:
        """Count ``batch``, and answer the views of the call before while Redis runs this one."""
        answers = partial(_refuse, batch, Reason.UNAVAILABLE)
        try:
            call, (codes, numbers, *stopped) = await self._count([view for view, _ in batch])
        except ForeignDataSet as error:
            logger.debug("%d views were not counted: %s", len(batch), error)  # sites.py has logged it as an error once
        except (redis.ResponseError, CountingUnavailable) as error:
            text = "%d views were not counted, and browsers retry: %s"
            self._failing(text, len(batch), faults.described(error))
        except (redis.RedisError, OSError) as error:
            # Refuse the queue as well, so that no view waits for two timeouts, and the last ones of a long queue for
            # many.
            no_answer = "" if isinstance(error, WrongServer) else ", because Redis does not answer"
            text = f"%d views were not counted{no_answer}, and browsers retry: %s"
            self._failing(text, len(batch) + len(self.queue), faults.described(error))
            _refuse(self.queue, Reason.UNAVAILABLE)
        except Exception:
            state, text = f"{self._state}, by a fault", "%d views were not counted because of a bug, and browsers retry"
            states.failing(logger, state, text, len(batch), level=logging.ERROR, exc_info=True)
        else:
            answers = partial(self._give, batch, call, codes, numbers)
            if stopped:
                text = "%d views were refused as busy, and browsers retry: %s"
                self._failing(text, codes.count(_STOPPED), faults.described(stopped[0].decode(errors="replace")))
            else:
                states.over(self._state)
        self._answer()  # unless _ask_once has done so
        self._answers = answers

    def _failing(self, message: str, *args: object) -> None:
        states.failing(logger, self._state, message, *args)

    async def _count(self, views: Sequence[View]) -> tuple[Call, Any]:
        for _ in range(clock.TRIES):
            call = Call(self.shard, views)
            reply = await self._ask(call)
            if clock.agrees(reply):
                return call, reply
        raise clock.unsteady()

    async def _ask(self, call: Call) -> Any:
        try:
            return await self._ask_once(call)
        except redis.ConnectionError:
            # Redis closed the connection while it was idle, or its server is no longer the primary.
            # Retrying is safe, because view ids make counting idempotent.
            return await self._ask_once(call)

    async def _ask_once(self, call: Call) -> Any:
        async with connections.aalone(self.shard) as connection:
            await scripts.count_views.asend(connection, call.keys, call.args)
            self._answer()
            return await scripts.count_views.areply(connection, call.keys, call.args)

    def _answer(self) -> None:
        answers, self._answers = self._answers, None
        if answers is not None:
            answers()

    def _give(self, batch: deque[Waiting], call: Call, codes: Sequence[int], numbers: Sequence[Any]) -> None:
        try:
            for code in codes:
                view, answer = batch.popleft()
                answer(view.beacon.view_id, _OUTCOMES[code])
            self._counted(*call.snapshots(numbers))
        except Exception:
            state = f"{self._state}, by a fault"
            text = "%d views were counted but not answered because of a bug; browsers retry, and they count once"
            states.failing(logger, state, text, len(batch), level=logging.ERROR, exc_info=True)
            _refuse(batch, Reason.UNAVAILABLE)


def _refuse(batch: deque[Waiting], reason: Reason) -> None:
    while batch:
        view, answer = batch.popleft()
        answer(view.beacon.view_id, reason)
