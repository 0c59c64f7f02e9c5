"""The publisher: changes are broadcast together, at once, and then at most once an interval for each object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer

from djinsight.counting import sites
from djinsight.counting.keys import group_name
from djinsight.counting.snapshot import Snapshot
from djinsight.live.publisher import MAX_TOGETHER, Publisher
from djinsight.tracked.refs import ObjectRef
from tests.support.loop_iterations import settled

WITHIN = 60.0  # seconds; far less than the intervals that a test must not wait for


def viewed(number: int, total: int) -> list[Snapshot]:
    """Return snapshots of ``number`` objects, each with ``total`` views."""
    return [Snapshot(ObjectRef("blog", "article", str(n)), total, 1, 1, 0, 0, 20_000) for n in range(number)]


@pytest.fixture
async def layer() -> AsyncIterator[Any]:
    layer = get_channel_layer()
    yield layer
    await layer.flush()  # type: ignore[union-attr]


async def broadcast(publisher: Publisher, snapshots: list[Snapshot]) -> None:
    publisher.publish(snapshots)
    async with asyncio.timeout(WITHIN):
        await publisher.flush()


def broadcasts(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"])


async def test_together(layer: Any, redis_client: redis.Redis) -> None:
    publisher = Publisher()
    redis_client.config_resetstat()
    for total in (1, 2, 3):
        await broadcast(publisher, viewed(30, total))
        assert broadcasts(redis_client) == total


async def test_more_than_one_broadcast_takes(layer: Any, redis_client: redis.Redis) -> None:
    publisher = Publisher()
    redis_client.config_resetstat()
    await broadcast(publisher, viewed(2 * MAX_TOGETHER + 1, 1))
    assert broadcasts(redis_client) == 3


async def test_the_newest_is_what_comes(layer: Any) -> None:
    channel = await layer.new_channel()
    await layer.group_add(group_name(await sites.acurrent()), channel)
    publisher = Publisher()
    for total in (1, 3, 2):  # two script calls may return in another order
        publisher.publish(viewed(1, total))
    async with asyncio.timeout(WITHIN):
        await publisher.flush()
        ((ref, total, *_),) = (await layer.receive(channel))["counters"]
    assert (ref, total) == ("blog.article:0", 3)


async def test_only_the_object_itself_waits_for_a_long_interval(
    layer: Any, redis_client: redis.Redis, settings: Any
) -> None:
    settings.DJINSIGHT_PUSH_INTERVAL = 3600.0
    publisher = Publisher()
    redis_client.config_resetstat()
    every = viewed(3 * MAX_TOGETHER, 1)
    await broadcast(publisher, every[:1])
    await broadcast(publisher, every[1:])
    assert broadcasts(redis_client) == 4


async def test_what_has_rested_goes_with_its_next_view(layer: Any, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_PUSH_INTERVAL = 1e-6
    publisher = Publisher()
    redis_client.config_resetstat()
    first, second = viewed(2, 1)
    for snapshots in ([first], [second], viewed(1, 2)):  # the first one's rest is over when the second one is sent
        await broadcast(publisher, snapshots)
    assert broadcasts(redis_client) == 3


async def test_what_is_new_does_not_wait_for_what_rests(layer: Any, settings: Any) -> None:
    settings.DJINSIGHT_PUSH_INTERVAL = 3600.0
    publisher = Publisher()
    await broadcast(publisher, viewed(1, 1))
    publisher.publish(viewed(1, 2))
    await settled()  # now its task waits for the end of the hour
    channel = await layer.new_channel()
    await layer.group_add(group_name(await sites.acurrent()), channel)
    publisher.publish(viewed(2, 3))
    async with asyncio.timeout(WITHIN):
        ((ref, *_),) = (await layer.receive(channel))["counters"]
    assert ref == "blog.article:1"
    assert publisher._task is not None
    publisher._task.cancel()
