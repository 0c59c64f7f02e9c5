"""Broadcasts: this version reads its own messages, and drops all others without a delay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack
import pytest
import redis

from djinsight.beacons import tokens
from djinsight.counting import sites
from djinsight.counting.keys import group_name
from djinsight.counting.snapshot import Snapshot
from djinsight.live import broadcasts, hub
from djinsight.live.publisher import channel_layer
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import Page, view_id

Open = Callable[..., Awaitable[Page]]

NOW = 1_800_000_000_000
REF = ObjectRef("blog", "article", "5")
FINE = ["blog.article:5", 7, 6, 5, NOW, NOW, 20_000, []]


def test_there_and_back() -> None:
    sent = [Snapshot(REF, 7, 6, 5, NOW, NOW, 20_000), Snapshot(REF, 0, 0, 0, None, None, 20_000)]
    received = msgpack.unpackb(msgpack.packb(broadcasts.message(sent)))
    counters = broadcasts.counters(received)
    assert all(map(broadcasts.is_counter, counters))
    assert [(*each[:-1], tuple(each[-1])) for each in counters] == [tuple(each) for each in sent]


MESSAGES: dict[str, Any] = {
    "no dict": ["a"],
    "a number": 5,
    "nothing": None,
    "an empty dict": {},
    "another type": {"type": "chat.message", "version": broadcasts.VERSION, "counters": [FINE]},
    "no version": {"type": broadcasts.TYPE, "counters": [FINE]},
    "a later version": {"type": broadcasts.TYPE, "version": broadcasts.VERSION + 1, "counters": [FINE]},
    "a version of another type": {"type": broadcasts.TYPE, "version": [1], "counters": [FINE]},
    "no counters": {"type": broadcasts.TYPE, "version": broadcasts.VERSION},
    "counters that are none": {"type": broadcasts.TYPE, "version": broadcasts.VERSION, "counters": {"a": 1}},
    "counters as text": {"type": broadcasts.TYPE, "version": broadcasts.VERSION, "counters": "blog.article:5"},
    "too many": {"type": broadcasts.TYPE, "version": broadcasts.VERSION, "counters": [FINE] * 501},
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_messages_that_are_not_understood(message: Any) -> None:
    with pytest.raises(broadcasts.Misunderstood):
        broadcasts.counters(message)


COUNTERS: dict[str, Any] = {
    "fewer fields": FINE[:-1],
    "more fields": [*FINE, 1],
    "a text for a number": [FINE[0], "7", *FINE[2:]],
    "a boolean": [FINE[0], True, *FINE[2:]],
    "a fraction": [FINE[0], 7.5, *FINE[2:]],
    "nothing for a number": [FINE[0], None, *FINE[2:]],
    "below zero": [FINE[0], -1, *FINE[2:]],
    "more than a version holds": [FINE[0], 2**60, *FINE[2:]],
    "a time beyond any date": [*FINE[:5], 2**52, *FINE[6:]],
    "a time as text": [*FINE[:4], "now", *FINE[5:]],
    "a day beyond any date": [*FINE[:6], 2**40, []],
    "another number of metrics": [*FINE[:7], [1]],
    "a number for metrics": [*FINE[:7], 5],
}


@pytest.mark.parametrize("fields", COUNTERS.values(), ids=COUNTERS)
def test_counters_that_are_none(fields: Any) -> None:
    assert broadcasts.is_counter(FINE)
    assert not broadcasts.is_counter(fields)


GARBAGE: list[bytes] = [
    b"",
    b"garbage",
    b"\xc1",
    b"\xff" * 100,
    msgpack.packb("text"),
    msgpack.packb([1, 2, 3]),
    msgpack.packb({1: 2}),
    msgpack.packb({"type": "djinsight.counters"}),
    msgpack.packb({"type": "djinsight.counters", "counters": 5}),
    msgpack.packb({"type": "djinsight.counters", "version": 1, "counters": [5, None, [], ["x"], [["y"]], [{}]]}),
    msgpack.packb({"type": "djinsight.counters", "version": 99, "counters": [FINE]}),
    msgpack.packb({"type": "djinsight.counters", "version": 1, "counters": [FINE] * 5000}),
]


async def test_garbage_in_the_group_holds_up_no_page(
    open_socket: Open, ref: ObjectRef, watch_token: str, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """After hundreds of foreign messages, one of ours arrives at once, and one log line tells of the dropped ones."""
    page = await open_socket()
    await page.subscribe(watch_token)
    (group,) = [name for name in redis_client.pubsub_channels("*") if group_name(sites.known()).encode() in name]
    named = [[str(ref), *each[1:]] for each in COUNTERS.values()]
    for _ in range(30):
        for each in GARBAGE:
            assert redis_client.publish(group, each) == 1
        redis_client.publish(group, msgpack.packb({"type": broadcasts.TYPE, "version": 1, "counters": named}))
    snapshot = Snapshot(ref, 41, 1, 1, NOW, NOW, 20_000)
    await channel_layer().group_send(group_name(sites.known()), broadcasts.message([snapshot]))
    # A message that made the hub fail would stall it for a second.
    async with asyncio.timeout(15):
        assert (await page.counter(41))["total_views"] == 41
    lines = [record for record in caplog.records if record.name == "djinsight.live"]
    assert len(lines) == 1
    assert "dropped" in lines[0].getMessage()
    assert not lines[0].exc_info


async def test_what_this_version_sends_is_read_beside_it(
    open_socket: Open, ref: ObjectRef, view_token: str, redis_client: redis.Redis
) -> None:
    page = await open_socket()
    await page.subscribe(tokens.mint("watch", ref))
    await channel_layer().group_send(
        group_name(sites.known()), {"type": broadcasts.TYPE, "version": 2, "counters": [[str(ref)]]}
    )
    await page.send({"type": "view", "id": view_id(), "token": view_token})
    assert (await page.counter(1))["total_views"] == 1
    await hub.get().settle()
