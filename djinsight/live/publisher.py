"""The sending side of push: new snapshots to every process, at most ten a second of each object."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from djinsight.conf import conf
from djinsight.counting import sites, states
from djinsight.counting.keys import group_name
from djinsight.counting.snapshot import Snapshot, newest
from djinsight.exceptions import CountingUnavailable, ForeignDataSet
from djinsight.live import broadcasts
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.live")

MAX_PENDING = 10_000  # objects; past it the longest waiting is dropped, and the hub's reread heals it
MAX_TOGETHER = broadcasts.MAX_COUNTERS  # objects a broadcast
TOGETHER_WITHIN = 0.02  # seconds, or the interval where it is shorter: objects whose turns differ by less go together
SEND_WITHIN = 2.0  # seconds a broadcast may take


class Publisher:
    """Broadcasts an object's newest snapshot at once, then at most every ``DJINSIGHT_PUSH_INTERVAL``.

    The last value is always sent (conflation): what is dropped has been overtaken. All objects that are due go in one
    message, which every process with sockets reads: a message for each, to a group of its own, takes 150 us, more than
    twice the counting of a view, and to read of an object that nobody there watches 0.5 us.
    """

    def __init__(self) -> None:
        self._due: dict[ObjectRef, Snapshot] = {}
        self._held: dict[ObjectRef, Snapshot] = {}  # of objects that rest
        self._resting: set[ObjectRef] = set()  # broadcast less than an interval ago
        self._rests: deque[tuple[float, Sequence[ObjectRef]]] = deque()  # when that was, the oldest first
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Broadcast ``snapshots``, soon."""
        self._wake(asyncio.get_running_loop().time())
        for snapshot in snapshots:
            ref = snapshot.ref
            waiting = self._held if ref in self._resting else self._due
            waiting[ref] = newest(waiting.get(ref), snapshot)
        while len(self._due) + len(self._held) > MAX_PENDING:
            longest = self._held or self._due
            del longest[next(iter(longest))]
        self._more.set()
        if self._task is None and (self._due or self._held):
            self._task = asyncio.ensure_future(self._run())

    async def flush(self) -> None:
        """Wait until everything is broadcast."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _wake(self, now: float) -> None:
        """What has rested for an interval is due where there is something newer."""
        while self._rests and now - self._rests[0][0] >= conf.push_interval:
            rested = self._rests.popleft()[1]
            self._resting.difference_update(rested)
            for ref in rested:
                if ref in self._held:
                    self._due[ref] = self._held.pop(ref)

    def _ready_at(self) -> float:
        """When the next broadcast may go."""
        if not self._rests:
            return 0.0
        first, last = self._rests[0][0], self._rests[-1][0]
        return last + min(TOGETHER_WITHIN, conf.push_interval) if self._due else first + conf.push_interval

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._due or self._held:
                self._more.clear()
                wait = self._ready_at() - loop.time()
                if wait <= 0 and self._due:
                    await self._send(loop.time())
                else:
                    await self._wait(wait)
                self._wake(loop.time())
        except Exception:
            text = "broadcasting stopped; it starts again with the next view"
            states.failing(logger, "broadcasting, by a fault", text, level=logging.ERROR, exc_info=True)
            self._due.clear()
            self._held.clear()
        finally:
            self._task = None

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._more.wait()
        except TimeoutError:
            pass

    async def _send(self, now: float) -> None:
        refs = list(self._due)[:MAX_TOGETHER]
        counters = [self._due.pop(ref) for ref in refs]
        self._resting.update(refs)
        self._rests.append((now, refs))
        try:
            async with asyncio.timeout(SEND_WITHIN):
                group = group_name(await sites.acurrent())
                await channel_layer().group_send(group, broadcasts.message(counters))
        except ForeignDataSet as error:
            logger.debug("%d counters were not broadcast: %s", len(refs), error)  # it is in the log once
        except (redis.RedisError, OSError) as error:
            # TimeoutError is an OSError. Every page reads these numbers again within 30 s.
            text = "%d counters were not broadcast, Redis does not answer: %r"
            states.failing(logger, "broadcasting", text, len(refs), error)
        else:
            states.over("broadcasting")


def correct(refs: Sequence[ObjectRef]) -> None:
    """Have every process read the counters of ``refs`` again, though they may have become smaller. For workers.

    Logs a warning if the layer does not answer: pages that are opened from then on show the right numbers anyway.
    """
    try:
        async_to_sync(_correct)(refs)
    except (redis.RedisError, OSError, CountingUnavailable) as error:
        logger.warning("open pages do not hear of a correction, Redis does not answer: %r", error)


async def _correct(refs: Sequence[ObjectRef]) -> None:
    async with asyncio.timeout(SEND_WITHIN):
        group = group_name(await sites.acurrent())
        for start in range(0, len(refs), MAX_TOGETHER):
            part = refs[start : start + MAX_TOGETHER]
            await channel_layer().group_send(group, broadcasts.corrected(part))


def channel_layer() -> Any:
    """The default channel layer. Raises ImproperlyConfigured where there is none."""
    if conf.testing:
        raise redis.ConnectionError("DJINSIGHT_TESTING is on: nothing is broadcast")
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured('expected CHANNEL_LAYERS["default"] but there is none')
    return layer
