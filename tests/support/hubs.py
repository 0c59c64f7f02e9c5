"""Hubs: the groups of the channel layer, and waiting for an effect of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis

from tests.support.sockets import WITHIN


def groups(client: redis.Redis) -> set[str]:
    """Return the groups that have a channel."""
    return {name.decode() for name in client.pubsub_channels("*") if b"__group__" in name}


async def until(condition: Callable[[], bool]) -> None:
    """Wait up to ten seconds for ``condition()``."""
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(condition):
            pass
