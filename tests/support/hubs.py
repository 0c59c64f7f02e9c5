"""The hub from outside: the groups of the channel layer, and waiting for what it brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis

from tests.support.sockets import WITHIN


def groups(client: redis.Redis) -> set[str]:
    """The groups that any channel is in."""
    return {name.decode() for name in client.pubsub_channels("*") if b"__group__" in name}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that the hub brings about, ten seconds at most."""
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(condition):
            pass
