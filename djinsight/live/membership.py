"""Membership: the one channel of a hub, and its membership in the site's group."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from djinsight.counting import sites
from djinsight.counting.keys import group_name
from djinsight.live import broadcasts
from djinsight.live.publisher import channel_layer

JOIN_WITHIN = 5.0  # seconds one join or leave may take
LEAVE_AFTER = 10.0  # seconds without a watched object until the hub leaves
NO_CHANNEL_YET = 0.05  # seconds between two checks for a channel


class Membership:
    """The hub's channel, which is in the site's group while any object is watched, and ``LEAVE_AFTER`` seconds longer.

    Errors of the channel layer pass through.
    """

    def __init__(self) -> None:
        self.joined = False
        self._site = ""  # the id of the site whose group it joined
        self._empty_since = 0.0  # in seconds of the event loop's clock
        self._channel = ""
        self._layer: Any = None

    def empty(self) -> None:
        """Note that no object is watched from now on."""
        self._empty_since = asyncio.get_running_loop().time()

    def is_due(self, watched: bool) -> bool:
        """Return whether to join or leave.

        The hub leaves some time after the last object, so that a site with few visitors does not join with each.

        Args:
            watched: True if any object is watched.
        """
        if watched or not self.joined:
            return watched is not self.joined
        return asyncio.get_running_loop().time() - self._empty_since >= LEAVE_AFTER

    def is_elsewhere(self) -> bool:
        """Return whether this site has got another id since the hub joined, because Redis lost its data."""
        return self.joined and self._site != sites.known()

    async def join(self) -> None:
        """Join the site's group.

        Raises:
            redis.RedisError: Redis does not answer.
            OSError: It cannot be reached, or takes longer than ``JOIN_WITHIN`` seconds.
            ForeignDataSet: The data in Redis belongs to another site.
        """
        if not self._channel:
            # Kept for good, because two event loops that ask for the layer at once may each get another one.
            self._layer = channel_layer()
            self._channel = await _within(self._layer.new_channel("djinsight."))
        site = await sites.acurrent()
        await _within(self._layer.group_add(group_name(site), self._channel))
        self.joined, self._site = True, site

    async def leave(self) -> None:
        """Leave the group."""
        self.joined = False  # set first, so that a socket that subscribes now waits until the group is joined again
        await _within(self._layer.group_discard(group_name(self._site), self._channel))

    async def move(self) -> None:
        """Leave the group of the site's former id, and tell the other hubs in it to leave it, too."""
        await self.leave()
        await _within(self._layer.group_send(group_name(self._site), broadcasts.moved()))

    async def receive(self) -> Any:
        """Return the next message, or None after a short wait if there is no channel yet."""
        if not self._channel:
            await asyncio.sleep(NO_CHANNEL_YET)
            return None
        return await self._layer.receive(self._channel)


async def _within(step: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(JOIN_WITHIN):
        return await step
