"""The outflow: sends sockets the counters that changed, at most once in each ``DJINSIGHT_PUSH_INTERVAL``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from djinsight.conf import conf
from djinsight.live.sockets import Socket
from djinsight.live.topics import Topic, pushed
from djinsight.tracked.refs import ObjectRef


class Outflow:
    """Collects changed topics, and flushes them: each socket gets its changed counters in one frame.

    A topic that changes more than once before a flush is sent once, with its newest counters (conflation). So the cost
    of an object with many views is bounded by its subscribers.
    """

    def __init__(self) -> None:
        self._changed: dict[ObjectRef, Topic] = {}  # since the last flush
        self._parts: Iterator[None] = iter(())  # the rest of the current flush
        self._next: asyncio.Handle | None = None  # the next flush, or the next part of the current one
        self._flushed_at = 0.0  # in seconds of the event loop's clock

    def add(self, topic: Topic) -> None:
        """Send the counters of ``topic`` with the next flush."""
        self._changed[topic.ref] = topic
        if self._next is None:
            self._schedule()

    def remove(self, topic: Topic) -> None:
        """Leave ``topic`` out of the next flush."""
        self._changed.pop(topic.ref, None)

    def close(self) -> None:
        """Flush no more."""
        if self._next is not None:
            self._next.cancel()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._next = loop.call_at(max(loop.time(), self._flushed_at + conf.push_interval), self._flush)

    def _flush(self) -> None:
        self._flushed_at = asyncio.get_running_loop().time()
        topics, self._changed = self._changed, {}
        changed: dict[Socket, list[Topic]] = {}
        for topic in topics.values():
            for socket in topic.sockets:
                if socket not in topic.waiting:
                    changed.setdefault(socket, []).append(topic)
        self._parts = pushed(changed)
        self._go_on()

    def _go_on(self) -> None:
        """Send the next part of a flush; after the last part, schedule a flush if topics changed meanwhile."""
        self._next = None
        for _ in self._parts:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)
            return
        if self._changed:
            self._schedule()
