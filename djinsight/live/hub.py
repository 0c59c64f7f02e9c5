"""The hub: fans counters out to the sockets of one process and event loop, and owns their one channel of the layer.

Counters of this process reach the hub directly. Counters of other processes arrive over the channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from djinsight.counting import live_numbers, sites, states
from djinsight.counting.connections import PerLoop
from djinsight.counting.recorder import Recorder
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable, ForeignDataSet
from djinsight.live import broadcasts, frames
from djinsight.live.membership import Membership
from djinsight.live.outflow import Outflow
from djinsight.live.publisher import Publisher
from djinsight.live.sockets import Socket
from djinsight.live.topics import SEND_AT_ONCE, Topic, pushed
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.live")

REREAD_EVERY = 30.0  # seconds until every page has an update that pub/sub lost
REREAD_AT_ONCE = 500  # objects in one round trip
BEAT_EVERY = 2.0  # seconds between two checks of which sockets need a ping
PING_AT_ONCE = 25  # sockets in one loop iteration: about 1 ms under Daphne
RETRY_AFTER = 1.0  # seconds after an error of the channel layer
CLOSE_WITHIN = 5.0  # seconds to finish counting and broadcasting when the hub closes


class Hub:
    """Knows which sockets watch which objects, and sends them the counters that change.

    However many sockets watch an object, an update is encoded once. All sockets share one subscription.
    """

    def __init__(self) -> None:
        self.publisher = Publisher()
        self.recorder = Recorder(self._counted)
        self.sockets: set[Socket] = set()
        self.topics: dict[str, Topic] = {}  # by the names of their refs
        self._group = Membership()
        self._corrected: set[str] = set()  # objects to read again with the next beat, even if the numbers are smaller
        self._changed = asyncio.Event()  # set if the group must be joined or left, or if a socket waits for counters
        self._outflow = Outflow()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def join(self, socket: Socket) -> None:
        """Register an accepted socket, and start the hub's tasks with the first one."""
        self.sockets.add(socket)
        if not self._tasks:
            loops = (self._keep_up, self._receive, self._beat, self._reread)
            self._tasks = [asyncio.ensure_future(self._forever(each)) for each in loops]

    def leave(self, socket: Socket) -> None:
        """Remove a socket that is gone, with its subscriptions."""
        self.sockets.discard(socket)
        self.unsubscribe(socket, list(socket.refs))

    def subscribe(self, socket: Socket, refs: Iterable[ObjectRef]) -> None:
        """Subscribe ``socket`` to ``refs``, and send it their current counters.

        Counters that the hub already has are sent at once. The others are sent when they have been read from Redis. A
        page usually watches the object that it has just sent a view of: counting that view brings the counters, so
        they are not read.
        """
        known: dict[ObjectRef, str] = {}
        for ref in refs:
            socket.refs.add(ref)
            topic = self.topics.get(ref)
            if topic is None:
                topic = self.topics[ref] = Topic(ref)
            topic.sockets.add(socket)
            if self._group.joined and topic.snapshot is not None:
                known[ref] = topic.counter
            else:
                topic.waiting.add(socket)
                if not (socket.in_flight and ref == socket.viewing and self._group.joined):
                    self._changed.set()
        if known:
            socket.push(known, frames.counters(known.values()))

    def unsubscribe(self, socket: Socket, refs: Iterable[ObjectRef]) -> None:
        """Stop sending ``socket`` the counters of ``refs``."""
        for ref in refs:
            socket.refs.discard(ref)
            topic = self.topics.get(ref)
            if topic is None:
                continue
            topic.sockets.discard(socket)
            topic.waiting.discard(socket)
            if not topic.sockets:
                del self.topics[ref]
                self._outflow.remove(topic)
                if not self.topics:
                    self._group.empty()

    def answer(self, socket: Socket) -> None:
        """Read the counters that ``socket`` waits for from Redis, because counting its view did not bring them."""
        if any(socket in topic.waiting for ref in socket.refs if (topic := self.topics.get(ref))):
            self._changed.set()

    async def settle(self) -> None:
        """Wait until all counted views are loaded and broadcast, at most ``CLOSE_WITHIN`` seconds.

        Callers whose event loop is about to end need this, because the tasks of an ended loop never finish.
        """
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.recorder.aclose()
                await self.publisher.flush()
        except TimeoutError:
            text = "The event loop ends before all counters were broadcast. Open pages read them within %d s."
            logger.warning(text, REREAD_EVERY)

    async def aclose(self) -> None:
        """Finish counting and broadcasting, then stop the hub's tasks."""
        await self.settle()
        self._outflow.close()
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # Bounded, because a cancelled read of the layer unsubscribes first, and waits for Redis.
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN)
        self._tasks = []

    async def _forever(self, step: Any) -> None:
        """Run ``step`` until the hub closes; log its errors and retry."""
        # A flag besides the cancellation, because redis-py can swallow a CancelledError in the middle of a call.
        state = f"the hub's {step.__name__.strip('_')}"
        while not self._closing:
            try:
                await step()
                states.over(state)
            except ForeignDataSet:
                await asyncio.sleep(sites.REFUSED_FOR)  # sites logs this error once
            except (redis.RedisError, OSError, CountingUnavailable) as error:
                text = "Redis does not answer (%r). Open pages may get no new counters until then. Check that it runs."
                states.failing(logger, state, text, error)
                await asyncio.sleep(RETRY_AFTER)
            except Exception:
                text = "The hub failed, and retries. Open pages may get counters late. The traceback tells why."
                states.failing(logger, f"{state}, by a fault", text, level=logging.ERROR, exc_info=True)
                await asyncio.sleep(RETRY_AFTER)

    async def _keep_up(self) -> None:
        """Join or leave the group as needed, then answer the sockets that wait for counters.

        The hub joins before it reads, so that no update falls between the two. If it cannot join, it answers anyway:
        the next reread brings the updates of other processes.
        """
        await self._changed.wait()
        self._changed.clear()
        try:
            try:
                while self._group.is_due(bool(self.topics)) or self._group.is_elsewhere():
                    await self._join_or_leave()
            except (redis.RedisError, OSError):
                await self._answer_all()
                raise
            await self._answer_all()
        except BaseException:
            self._changed.set()
            raise

    async def _join_or_leave(self) -> None:
        if self._group.is_elsewhere():
            for topic in self.topics.values():
                topic.waiting |= topic.sockets  # updates since the move went to the other group
            await self._group.move()
        elif self.topics:
            await self._group.join()
        else:
            await self._group.leave()

    async def _answer_all(self) -> None:
        waiting = [topic for topic in self.topics.values() if topic.waiting]
        for start in range(0, len(waiting), REREAD_AT_ONCE):
            await self._answer(waiting[start : start + REREAD_AT_ONCE])
        unread = sum(bool(topic.waiting) for topic in waiting)
        if unread:
            raise CountingUnavailable(f"the counters of {unread} objects that pages wait for could not be read")

    async def _answer(self, topics: list[Topic]) -> None:
        """Read ``topics`` and send each waiting socket its counters in one frame.

        A socket goes on waiting for a topic that could not be read.
        """
        await self._read(topics)
        answers: dict[Socket, list[Topic]] = {}
        for topic in topics:
            if topic.snapshot is None or not topic.waiting:
                continue  # not read, or no socket waits any longer; sockets that came since have a topic of their own
            for socket in topic.waiting:
                answers.setdefault(socket, []).append(topic)
            if topic.waiting == topic.sockets:
                self._outflow.remove(topic)  # this answer brings it to every subscriber
            topic.waiting.clear()
        for _ in pushed(answers):
            await asyncio.sleep(0)

    async def _read(self, topics: list[Topic]) -> None:
        snapshots = await live_numbers.aread([topic.ref for topic in topics])
        for topic in topics:
            snapshot = snapshots.get(topic.ref)
            if snapshot is not None:
                self._update(topic, snapshot)

    async def _receive(self) -> None:
        """Apply the next message of the layer; drop a message of another version or program."""
        try:
            message = await self._group.receive()
            if message is None:
                return
            kind = broadcasts.kind(message)
            names = broadcasts.names(message) if kind == broadcasts.CORRECTED else []
            counters = broadcasts.counters(message) if kind == broadcasts.TYPE else []
        except (ValueError, TypeError, LookupError) as error:  # also raised by the layer if it cannot decode the bytes
            text = "A message of the channel layer was dropped (%s). Open pages get its counters within %d s."
            states.failing(logger, "messages of others", text, error, REREAD_EVERY)
            return
        if kind == broadcasts.MOVED:
            await sites.acheck()
            self._changed.set()
        if names:
            self._corrected.update(names)
            await self._correct(names)
        for fields in counters:
            topic = self.topics.get(fields[0])
            if topic is not None and broadcasts.is_counter(fields):
                self._update(topic, Snapshot._make((topic.ref, *fields[1:-1], tuple(fields[-1]))))

    async def _correct(self, names: Iterable[str]) -> None:
        """Read corrected objects again, and accept numbers that are smaller than before."""
        topics = [self.topics[name] for name in names if name in self.topics]
        snapshots = await live_numbers.aread([topic.ref for topic in topics])
        for topic in topics:
            snapshot = snapshots.get(topic.ref)
            if snapshot is not None and snapshot != topic.snapshot:
                topic.snapshot = None
                self._update(topic, snapshot)

    async def _reread(self) -> None:
        await asyncio.sleep(REREAD_EVERY)
        topics = list(self.topics.values())
        for start in range(0, len(topics), REREAD_AT_ONCE):
            await self._read(topics[start : start + REREAD_AT_ONCE])

    async def _beat(self) -> None:
        await asyncio.sleep(BEAT_EVERY)
        if self._group.is_elsewhere() or self._group.is_due(bool(self.topics)):
            self._changed.set()
        elif any(topic.waiting for topic in self.topics.values()):
            self._changed.set()  # the counters of a view did not come, as Redis did not have them
        if self._corrected:
            # Read again, because a broadcast from before the correction may have arrived after it.
            corrected, self._corrected = self._corrected, set()
            await self._correct(corrected)
        loop, pinged = asyncio.get_running_loop(), 0
        now = loop.time()
        for socket in list(self.sockets):
            pinged += socket.beat(now)
            if pinged == PING_AT_ONCE:  # so that a view need not wait until thousands of sockets are pinged
                pinged = 0
                await asyncio.sleep(0)
                now = loop.time()

    def _counted(self, snapshots: Sequence[Snapshot]) -> None:
        """Send counters of this process to its own pages at once, and to other processes through Redis."""
        for snapshot in snapshots:
            topic = self.topics.get(snapshot.ref)
            if topic is not None:
                self._update(topic, snapshot)
                if topic.waiting and self._group.joined:
                    self._send(topic)
        self.publisher.publish(snapshots)

    def _send(self, topic: Topic) -> None:
        """Send the sockets that wait for ``topic`` its counters, unless they are too many for one loop iteration."""
        if len(topic.waiting) > SEND_AT_ONCE:
            self._changed.set()
            return
        if topic.waiting == topic.sockets:
            self._outflow.remove(topic)  # this answer brings it to every subscriber
        for socket in topic.waiting:
            socket.push({topic.ref: topic.counter}, frames.counters([topic.counter]))
        topic.waiting.clear()

    def _update(self, topic: Topic, snapshot: Snapshot) -> None:
        if self.topics.get(topic.ref) is not topic:
            return  # its sockets are gone; sockets that came since have a topic of their own
        if topic.update(snapshot):
            self._outflow.add(topic)


_hubs: PerLoop[Hub] = PerLoop(Hub, Hub.aclose)


def get() -> Hub:
    """Return the hub of the running event loop."""
    return _hubs.get()


async def aclose() -> None:
    """Close this loop's hub; the next ``get`` makes another one."""
    await _hubs.aclose()
