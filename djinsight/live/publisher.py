"""The sending side of push: new snapshots to the groups of their objects, at most ten a second for each object."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import redis
from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from djinsight.beacons.refs import ObjectRef
from djinsight.conf import conf
from djinsight.counting.keys import group_name
from djinsight.counting.snapshot import Snapshot
from djinsight.live import frames

logger = logging.getLogger("djinsight.live")

MESSAGE_TYPE = "djinsight.counter"
MAX_PENDING = 10_000  # objects; past it the longest waiting is dropped, and the hub's reread heals it
SEND_WITHIN = 2.0  # seconds a broadcast may take


class Publisher:
    """Broadcasts an object's newest snapshot at once, then at most every ``DJINSIGHT_PUSH_INTERVAL``.

    The last value is always sent (conflation): what is dropped has been overtaken.
    """

    def __init__(self) -> None:
        self._pending: dict[ObjectRef, Snapshot] = {}
        self._sent_at: dict[ObjectRef, float] = {}
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Broadcast ``snapshots``, soon."""
        for snapshot in snapshots:
            waiting = self._pending.get(snapshot.ref)
            if waiting is None or snapshot.version > waiting.version:
                self._pending[snapshot.ref] = snapshot
        while len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._more.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def flush(self) -> None:
        """Wait until everything is broadcast."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                interval, now = conf.push_interval, loop.time()
                self._more.clear()
                due = [ref for ref in self._pending if now - self._sent_at.get(ref, -interval) >= interval]
                if due:
                    await self._send(due)
                else:
                    await self._wait(min(self._sent_at[ref] for ref in self._pending) + interval - now)
                self._sent_at = {ref: at for ref, at in self._sent_at.items() if loop.time() - at < interval}
        except Exception:
            logger.exception("broadcasting stopped; it starts again with the next view")
            self._pending.clear()
        finally:
            self._task = None

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._more.wait()
        except TimeoutError:
            pass

    async def _send(self, refs: Sequence[ObjectRef]) -> None:
        layer = channel_layer()
        loop = asyncio.get_running_loop()
        for ref in refs:
            snapshot = self._pending.pop(ref, None)
            if snapshot is None:
                continue
            self._sent_at[ref] = loop.time()
            message = {
                "type": MESSAGE_TYPE,
                "ref": str(ref),
                "version": snapshot.version,
                "counter": frames.counter(snapshot),
            }
            try:
                async with asyncio.timeout(SEND_WITHIN):
                    await layer.group_send(group_name(ref), message)
            except (redis.RedisError, OSError) as error:
                # TimeoutError is an OSError. Every page reads this number again within 30 s.
                logger.warning("a counter was not broadcast, Redis does not answer: %r", error)


def channel_layer() -> Any:
    """The default channel layer. Raises ImproperlyConfigured where there is none."""
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured('expected CHANNEL_LAYERS["default"] but there is none')
    return layer
