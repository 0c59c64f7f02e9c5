"""The recorder: beacons in, one script call for many, snapshots out (group commit).

While one call is in flight later views queue; when it returns they go in the next one, and its own are answered
while Redis is at that. A busy process pays one round trip for hundreds of views, an idle one adds no delay.
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

MAX_BATCH = 512  # views a script call
FEW = 64  # views that go in one call in any case
MAX_QUEUE = 10_000  # views a process may hold; past it a view is refused as busy
LOAD_AGAIN_AFTER = 1.0  # seconds in which no counters are loaded, as the database did not give them

OnUpdate = Callable[[Sequence[Snapshot]], None]
# Given the view's id, and whether it is unique, or why it is not counted.
Answer = Callable[[str, "bool | Reason"], None]
Waiting = tuple[View, Answer]

# The codes of the script: counted (again), unique, too much, too many a second.
_STOPPED = -1
_OUTCOMES: dict[int, bool | Reason] = {0: False, 1: False, 2: True, _STOPPED: Reason.BUSY, -2: Reason.RATE}


class Recorder:
    """Counts the views of one event loop. ``on_update`` is given the snapshots of what was counted."""

    def __init__(self, on_update: OnUpdate) -> None:
        self._on_update = on_update
        self._lanes: dict[int, Lane] = {}
        self._cold: dict[ObjectRef, None] = {}  # their counters are to be loaded next
        self._loading: set[ObjectRef] = set()
        self._loader: asyncio.Task[None] | None = None
        self._load_from = 0.0  # in the loop's time: later where the database has just failed

    def record(self, view: View) -> asyncio.Future[bool]:
        """Count ``view``. The result is whether it is unique, and comes when Redis has it, never before.

        Raises Rejected (``busy``) at the bound; the future raises Rejected (``busy``, ``rate`` or ``unavailable``).
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
        """The same with a call in place of a future, which costs a turn of the loop: ``answer(view_id, outcome)``."""
        if capturing.captures:
            answer(view.beacon.view_id, capturing.captures[-1].take(view))
            return
        if conf.testing:
            raise Rejected(Reason.UNAVAILABLE, view.beacon.view_id)
        if self._waiting() >= MAX_QUEUE:
            states.failing(logger, "queue", "%d views wait for Redis: more are refused as busy", MAX_QUEUE)
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
        """Load what is cold, and what has become so meanwhile, together: each time the stream is read.

        Where that fails the views are in the stream: the next view of the object or the next reader loads its counters.
        """
        try:
            while self._cold:
                self._loading, self._cold = set(self._cold), {}
                loaded = await loading.aload(list(self._loading))
                self._on_update(list(loaded.values()))
        except Exception as error:
            self._load_from = asyncio.get_running_loop().time() + LOAD_AGAIN_AFTER
            if isinstance(error, CountingUnavailable):
                states.failing(logger, "loading for views", "counters could not be loaded: %s", error)
            else:
                text = "counters could not be loaded"
                states.failing(logger, "loading, by a fault", text, level=logging.ERROR, exc_info=True)
        finally:
            self._loading, self._loader = set(), None

    async def aclose(self) -> None:
        """Wait for what is being counted."""
        while tasks := [task for task in (self._loader, *(lane.task for lane in self._lanes.values())) if task]:
            await asyncio.gather(*tasks, return_exceptions=True)


class Lane:
    """The queue of one shard and the task that empties it."""

    def __init__(self, shard: int, counted: Callable[[Sequence[Snapshot], Sequence[ObjectRef]], None]) -> None:
        self.shard = shard
        self._state = f"counting on shard {shard}"
        self.queue: deque[Waiting] = deque()
        self.task: asyncio.Task[None] | None = None
        self._counted = counted
        self._taken = MAX_BATCH  # views in the last call
        self._answers: Callable[[], None] | None = None  # gives those of the last call, where it has not yet

    def put(self, view: View, answer: Answer) -> None:
        self.queue.append((view, answer))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        batch: deque[Waiting] = deque()  # those that are being counted
        try:
            while self.queue:
                batch = self._take()
                await self._commit(batch)
        finally:
            self.task = None
            self._answer()
            # There are some where the loop ends and cancels its tasks: nobody is left waiting.
            _refuse(batch, Reason.UNAVAILABLE)
            _refuse(self.queue, Reason.UNAVAILABLE)

    def _take(self) -> deque[Waiting]:
        """What goes in the next call: all that wait where they are few, else the mean of them and of the last call.

        So calls become alike. A long one leaves few to take in meanwhile, which make a short one, behind which many
        wait for another long one: as long as that takes the server would have nothing to do.
        """
        waiting = len(self.queue)
        self._taken = min(waiting, MAX_BATCH, max(FEW, (waiting + self._taken) // 2))
        return deque(self.queue.popleft() for _ in range(self._taken))

    async def _commit(self, batch: deque[Waiting]) -> None:
        """Count ``batch``, and give the answers of the call before while Redis is at it."""
        answers = partial(_refuse, batch, Reason.UNAVAILABLE)
        try:
            call, (codes, numbers, *stopped) = await self._count([view for view, _ in batch])
        except ForeignDataSet as error:
            logger.debug("%d views not counted: %s", len(batch), error)  # it is in the log once
        except (redis.ResponseError, CountingUnavailable) as error:
            self._failing("%d views not counted: %s", len(batch), faults.described(error))
        except (redis.RedisError, OSError) as error:
            # Nobody waits twice: for a call of their own those in the queue would wait as long again, and the last of
            # a long queue for many times as long.
            no_answer = "" if isinstance(error, WrongServer) else ", Redis does not answer"
            text = f"%d views not counted{no_answer}: %s"
            self._failing(text, len(batch) + len(self.queue), faults.described(error))
            _refuse(self.queue, Reason.UNAVAILABLE)
        except Exception:
            state, text = f"{self._state}, by a fault", "%d views not counted"
            states.failing(logger, state, text, len(batch), level=logging.ERROR, exc_info=True)
        else:
            answers = partial(self._give, batch, call, codes, numbers)
            if stopped:
                text = "%d views refused as busy: %s"
                self._failing(text, codes.count(_STOPPED), faults.described(stopped[0].decode(errors="replace")))
            else:
                states.over(self._state)
        self._answer()  # where it has not come to it
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
            # Redis closed the connection while it was idle, or it leads to a server that is the primary no longer.
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
            state, text = f"{self._state}, by a fault", "%d views counted and not answered"
            states.failing(logger, state, text, len(batch), level=logging.ERROR, exc_info=True)
            _refuse(batch, Reason.UNAVAILABLE)


def _refuse(batch: deque[Waiting], reason: Reason) -> None:
    while batch:
        view, answer = batch.popleft()
        answer(view.beacon.view_id, reason)
