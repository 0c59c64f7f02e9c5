"""Membership: a hub's one channel of the layer, and its place in the group of the site."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from djinsight.counting import sites
from djinsight.counting.keys import group_name
from djinsight.live import broadcasts
from djinsight.live.publisher import channel_layer

JOIN_WITHIN = 5.0  # seconds one join or leave may take
NO_CHANNEL_YET = 0.05  # seconds between two looks for a channel


class Membership:
    """The hub's channel, and the group that it has joined while anything is watched. Raises what the layer raises."""

    def __init__(self) -> None:
        self.joined = False
        self._site = ""  # whose group that is
        self._channel = ""
        self._layer: Any = None

    def is_elsewhere(self) -> bool:
        """Return whether Redis lost its data, so that this site has had another id since this hub joined."""
        return self.joined and self._site != sites.known()

    async def join(self) -> None:
        """Join the group of the site. Raises redis.RedisError, OSError or ForeignDataSet."""
        if not self._channel:
            # This one for good: where two loops of a process ask for it at once, each may be given another.
            self._layer = channel_layer()
            self._channel = await _within(self._layer.new_channel("djinsight."))
        site = await sites.acurrent()
        await _within(self._layer.group_add(group_name(site), self._channel))
        self.joined, self._site = True, site

    async def leave(self) -> None:
        """Leave the group."""
        self.joined = False  # first: a socket that subscribes meanwhile waits until it is joined again
        await _within(self._layer.group_discard(group_name(self._site), self._channel))

    async def move(self) -> None:
        """Leave the group of an id that this site has no more, and tell the other hubs there to do so as well."""
        await self.leave()
        await _within(self._layer.group_send(group_name(self._site), broadcasts.moved()))

    async def receive(self) -> Any:
        """Wait for the next message; None if there is no channel yet."""
        if not self._channel:
            await asyncio.sleep(NO_CHANNEL_YET)
            return None
        return await self._layer.receive(self._channel)


async def _within(step: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(JOIN_WITHIN):
        return await step
