"""The publisher: broadcasts new snapshots to every process, at most ten a second for each object."""

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

MAX_PENDING = 10_000  # objects; past it the one that waits longest is dropped, and the hubs' next reread replaces it
MAX_TOGETHER = broadcasts.MAX_COUNTERS  # objects in one broadcast
TOGETHER_WITHIN = 0.02  # seconds: broadcasts less apart are sent as one; DJINSIGHT_PUSH_INTERVAL if that is shorter
SEND_WITHIN = 2.0  # seconds a broadcast may take


class Publisher:
    """Broadcasts an object's newest snapshot at once, then at most every ``DJINSIGHT_PUSH_INTERVAL``.

    The last value is always sent; only values that a newer one replaces are dropped (conflation). All objects that are
    due go into one message, which every process with sockets reads. A message for each object, to a group of its own,
    would take 150 us, more than twice the time to count a view. Reading a counter that no socket watches takes 0.5 us.
    """

    def __init__(self) -> None:
        self._due: dict[ObjectRef, Snapshot] = {}
        self._held: dict[ObjectRef, Snapshot] = {}  # newer snapshots of resting objects
        self._resting: set[ObjectRef] = set()  # objects that were broadcast less than an interval ago
        self._rests: deque[tuple[float, Sequence[ObjectRef]]] = deque()  # when they were broadcast, oldest first
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Queue ``snapshots`` for the next broadcast, and return without waiting."""
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
        """Wait until all queued snapshots are broadcast."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _wake(self, now: float) -> None:
        """End the rest of objects after an interval; those with a newer snapshot become due."""
        while self._rests and now - self._rests[0][0] >= conf.push_interval:
            rested = self._rests.popleft()[1]
            self._resting.difference_update(rested)
            for ref in rested:
                if ref in self._held:
                    self._due[ref] = self._held.pop(ref)

    def _ready_at(self) -> float:
        """Return when the next broadcast may be sent, in seconds of the event loop's clock."""
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
            text = "Broadcasting stopped, and starts again with the next view. The traceback tells why."
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
            logger.debug("%d counters were not broadcast: %s", len(refs), error)  # sites logs this error once
        except (redis.RedisError, OSError) as error:
            # TimeoutError is an OSError. The hubs read these numbers again within 30 s.
            text = "%d counters were not broadcast, because Redis does not answer (%r). Open pages get them within "
            text += "30 s after it is back. Check that it runs."
            states.failing(logger, "broadcasting", text, len(refs), error)
        else:
            states.over("broadcasting")


def correct(refs: Sequence[ObjectRef]) -> None:
    """Make every process read the counters of ``refs`` again, even if they became smaller. For sync code.

    Logs a warning if the layer does not answer. Pages that are opened later show the right numbers anyway.
    """
    try:
        async_to_sync(_correct)(refs)
    except (redis.RedisError, OSError, CountingUnavailable) as error:
        text = "Open pages keep the numbers from before a correction, because Redis does not answer (%r). Reload them."
        logger.warning(text, error)


async def _correct(refs: Sequence[ObjectRef]) -> None:
    async with asyncio.timeout(SEND_WITHIN):
        group = group_name(await sites.acurrent())
        for start in range(0, len(refs), MAX_TOGETHER):
            part = refs[start : start + MAX_TOGETHER]
            await channel_layer().group_send(group, broadcasts.corrected(part))


def channel_layer() -> Any:
    """Return the default channel layer.

    Raises:
        redis.ConnectionError: ``DJINSIGHT_TESTING`` is on.
        ImproperlyConfigured: ``CHANNEL_LAYERS`` has no default layer.
    """
    if conf.testing:
        raise redis.ConnectionError("DJINSIGHT_TESTING is on: nothing is broadcast")
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured('expected CHANNEL_LAYERS["default"] but there is none')
    return layer
