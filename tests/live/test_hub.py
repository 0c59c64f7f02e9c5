"""The hub: one subscription for all sockets, the newest number for each of them, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import redis
from channels.db import database_sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.db import connection

from djinsight.beacons import tokens
from djinsight.counting import live_numbers, sites
from djinsight.counting.keys import group_name
from djinsight.counting.snapshot import Snapshot
from djinsight.live import hub, membership, publisher, sockets, topics
from djinsight.live.frames import CloseCode
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views, view
from tests.support.hubs import groups, until
from tests.support.sockets import WITHIN, Page, view_id

Open = Callable[..., Awaitable[Page]]


async def view_elsewhere(*refs: ObjectRef) -> None:
    """Count a view of each of ``refs`` and broadcast it, as another process does: through another hub."""
    other = hub.Hub()
    await asyncio.gather(*(other.recorder.record(view(ref)) for ref in refs))
    await other.settle()


async def test_many_sockets_and_objects_share_one_subscription(
    open_socket: Open,
    view_token: str,
    watch_token: str,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "LEAVE_AFTER", 0.0)
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.05)
    pages = [await open_socket() for _ in range(20)]
    for n, page in enumerate(pages):
        await page.subscribe(watch_token, tokens.mint("watch", ObjectRef("blog", "article", str(10_000_000 + n))))
    (group,) = groups(redis_client)
    assert group.endswith(group_name(sites.known()))
    assert dict(redis_client.pubsub_numsub(group)) == {group.encode(): 1}

    await pages[0].send({"type": "view", "id": view_id(), "token": view_token})
    assert [(await page.counter(1))["total_views"] for page in pages] == [1] * 20

    for page in pages[:-1]:
        await page.close()
    assert groups(redis_client) == {group}
    await pages[-1].close()
    await until(lambda: groups(redis_client) == set())


async def test_the_hub_stays_in_the_group_between_two_pages(
    open_socket: Open, watch_token: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site with few visitors subscribes once, and not with each of them."""
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.01)
    local, beat, beats = hub.get(), hub.Hub._beat, []

    async def counted(self: hub.Hub) -> None:
        await beat(self)
        beats.append(None)

    monkeypatch.setattr(hub.Hub, "_beat", counted)
    for n in range(3):
        if n == 1:
            redis_client.config_resetstat()  # the first page has subscribed
        page = await open_socket()
        await page.subscribe(watch_token)
        await page.close()
        await until(lambda: not local.topics)
        seen = len(beats)
        await until(lambda seen=seen: len(beats) > seen + 2)
    commands = redis_client.info("commandstats")
    assert not {"cmdstat_subscribe", "cmdstat_unsubscribe"} & set(commands)


async def view_and_watch(page: Page, view_token: str, watch_token: str) -> dict[str, Any]:
    """Send a view and a subscription, as a page does when its socket is open; return the answers by type."""
    await page.send({"type": "view", "id": view_id(), "token": view_token})
    await page.send({"type": "subscribe", "tokens": [watch_token]})
    answers: dict[str, Any] = {}
    while not {"counters"} < set(answers):
        answer = await page.receive()
        answers[answer["type"]] = answer
    return answers


async def test_counting_a_view_brings_the_numbers_that_its_page_watches(
    open_socket: Open, ref: ObjectRef, view_token: str, watch_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page load costs one script call: its subscription is answered with the counters of its own view."""
    await view_elsewhere(ref)
    other = await open_socket()
    await other.subscribe(tokens.mint("watch", ObjectRef("blog", "article", "10000000")))
    read, asked = live_numbers.aread, []

    async def aread(refs: Any) -> Any:
        asked.append(refs)
        return await read(refs)

    monkeypatch.setattr(live_numbers, "aread", aread)
    page = await open_socket()
    answers = await view_and_watch(page, view_token, watch_token)
    assert answers["counters"]["counters"][0]["total_views"] == 2
    assert not asked


async def test_numbers_come_if_the_view_of_the_page_is_refused(
    open_socket: Open, ref: ObjectRef, view_token: str, watch_token: str, settings: Any
) -> None:
    await view_elsewhere(ref)
    other = await open_socket()
    await other.subscribe(tokens.mint("watch", ObjectRef("blog", "article", "10000000")))
    settings.DJINSIGHT_RATE_VISITOR = 0.001  # below one view in the burst, so that each view is refused
    page = await open_socket()
    answers = await view_and_watch(page, view_token, watch_token)
    assert answers["rejected"]["reason"] == "rate"
    assert answers["counters"]["counters"][0]["total_views"] == 1


async def test_numbers_come_if_redis_does_not_have_the_counters_of_the_view(
    open_socket: Open, view_token: str, watch_token: str
) -> None:
    other = await open_socket()
    await other.subscribe(tokens.mint("watch", ObjectRef("blog", "article", "10000000")))
    page = await open_socket()
    answers = await view_and_watch(page, view_token, watch_token)
    assert answers["counters"]["counters"][0]["total_views"] == 1


async def test_nothing_is_left_of_sockets_that_are_gone(
    open_socket: Open, view_token: str, watch_token: str, redis_client: redis.Redis
) -> None:
    local = hub.get()
    for round_ in range(3):
        pages = [await open_socket() for _ in range(10)]
        for n, page in enumerate(pages):
            await page.send({"type": "subscribe", "tokens": [watch_token]})
            await page.send({"type": "view", "id": view_id(100 * round_ + n), "token": view_token})
        for page in pages:
            await page.close()  # with views in flight and counters on their way
    assert local.sockets == set()
    assert local.topics == {}
    await until(lambda: groups(redis_client) == set())
    layer = get_channel_layer()
    assert layer is not None
    assert layer.groups == {}
    assert len(layer.channels) == 1  # the hub's own


async def test_a_hot_object_costs_few_frames_and_ends_on_the_newest(
    open_socket: Open, view_token: str, watch_token: str
) -> None:
    watching, viewing = await open_socket(), await open_socket()
    await watching.subscribe(watch_token)
    for n in range(600):
        await viewing.send({"type": "view", "id": view_id(n), "token": view_token})
        if n % 30 == 29:  # within what one socket may have in flight
            for _ in range(30):
                assert (await viewing.receive())["type"] == "counted"
    frames = 0
    total = 0
    while total < 600:
        frame = await watching.receive()
        frames += 1
        assert frame["counters"][0]["total_views"] > total
        total = frame["counters"][0]["total_views"]
    assert frames < 200  # for 600 views; on a fast machine it is a handful


async def test_more_sockets_than_are_sent_to_at_once(
    open_socket: Open, view_token: str, watch_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "SEND_AT_ONCE", 4)
    pages = [await open_socket() for _ in range(10)]
    for page in pages:
        await page.subscribe(watch_token)
    for n in range(1, 4):
        await pages[0].send({"type": "view", "id": view_id(n), "token": view_token})
    for page in pages:
        totals = [0]
        while totals[-1] < 3:
            totals.append((await page.counter(0))["total_views"])
        assert totals == sorted(totals)


async def test_several_changed_objects_come_in_one_frame(open_socket: Open, article: object) -> None:
    refs = [ObjectRef("blog", "article", str(n)) for n in range(5)]
    watching, viewing = await open_socket(), await open_socket()
    await watching.subscribe(*(tokens.mint("watch", ref) for ref in refs))
    # The first push is sent at once. Views within the interval after it share a frame.
    for n, ref in enumerate(refs * 2):
        await viewing.send({"type": "view", "id": view_id(n), "token": tokens.mint("view", ref)})
    seen: dict[str, int] = {}
    frames = []
    while seen != dict.fromkeys(map(str, refs), 2):
        frame = await watching.receive()
        frames.append(len(frame["counters"]))
        seen.update({counter["ref"]: counter["total_views"] for counter in frame["counters"]})
    assert max(frames) > 1


async def test_more_objects_than_one_broadcast_takes(
    open_socket: Open, article: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "MAX_TOGETHER", 4)
    refs = [ObjectRef("blog", "article", str(n)) for n in range(30)]
    page = await open_socket()
    await page.subscribe(*(tokens.mint("watch", ref) for ref in refs))
    await view_elsewhere(*refs)
    seen: set[str] = set()
    while seen != set(map(str, refs)):
        seen.update(each["ref"] for each in (await page.receive())["counters"] if each["total_views"] == 1)


async def test_an_answer_for_who_is_gone_takes_nothing_from_those_who_came(
    open_socket: Open, watch_token: str, ref: ObjectRef
) -> None:
    local, gone, page = hub.get(), await open_socket(), await open_socket()
    await gone.subscribe(watch_token)
    before = local.topics[str(ref)]
    await gone.close()
    await page.subscribe(watch_token)
    assert local.topics[str(ref)] is not before
    local._update(local.topics[str(ref)], Snapshot(ref, 7, 1, 1, 0, 0, 20_000))
    await local._answer([before])  # as if its last socket had left while it was being read
    assert (await page.counter(7))["total_views"] == 7


async def test_what_was_not_broadcast_is_reread(
    open_socket: Open, watch_token: str, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "REREAD_EVERY", 0.05)
    page = await open_socket()
    await page.subscribe(watch_token)
    await database_sync_to_async(count_views)(ref, 3)  # counted without a broadcast
    assert (await page.counter(3))["total_views"] == 3


async def test_pubsub_that_redis_cuts(
    open_socket: Open, watch_token: str, ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "REREAD_EVERY", 0.2)
    page = await open_socket()
    await page.subscribe(watch_token)
    for n in range(3):
        redis_client.client_kill_filter(_type="pubsub")
        await view_elsewhere(ref)
        assert (await page.counter(n + 1))["total_views"] == n + 1


async def test_a_page_of_the_same_process_needs_no_pubsub(
    open_socket: Open, view_token: str, watch_token: str, redis_client: redis.Redis
) -> None:
    watching, viewing = await open_socket(), await open_socket()
    await watching.subscribe(watch_token)
    redis_client.execute_command("ACL", "SETUSER", "default", "resetchannels")  # no client may publish or subscribe
    try:
        await viewing.view(view_token, view_id())
        assert (await watching.counter(1))["total_views"] == 1
    finally:
        redis_client.execute_command("ACL", "SETUSER", "default", "allchannels")


async def test_a_number_never_goes_down(
    open_socket: Open, view_token: str, watch_token: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Redis has lost views that were not persisted, the page keeps its number until a greater one arrives."""
    monkeypatch.setattr(hub, "REREAD_EVERY", 0.05)
    page = await open_socket()
    await page.subscribe(watch_token)
    for n in range(3):
        await page.send({"type": "view", "id": view_id(n), "token": view_token})
    await page.counter(3)
    redis_client.flushall()
    total = 3
    for n in range(10, 15):
        await page.send({"type": "view", "id": view_id(n), "token": view_token})
    while total < 5:
        frame = await page.receive()
        for counter in frame.get("counters", ()):
            assert counter["total_views"] > total
            total = counter["total_views"]


async def test_a_late_subscriber_gets_the_number_at_once(open_socket: Open, view_token: str, watch_token: str) -> None:
    early, late = await open_socket(), await open_socket()
    await early.subscribe(watch_token)
    await early.send({"type": "view", "id": view_id(), "token": view_token})
    await early.counter(1)
    assert (await late.subscribe(watch_token))["counters"][0]["total_views"] == 1
    # A second subscribe is answered, too.
    assert (await late.subscribe(watch_token))["counters"][0]["total_views"] == 1


async def test_unsubscribed_means_quiet(open_socket: Open, view_token: str, watch_token: str, ref: ObjectRef) -> None:
    page, other = await open_socket(), await open_socket()
    await page.subscribe(watch_token)
    await other.subscribe(watch_token)
    await page.send({"type": "unsubscribe", "refs": [str(ref)]})
    await other.send({"type": "view", "id": view_id(), "token": view_token})
    await other.counter(1)
    assert await page.ask("?") == {"type": "error", "reason": "malformed"}  # nothing came before this answer


async def test_pings(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.02)
    monkeypatch.setattr(sockets, "PING_EVERY", 0.0)
    monkeypatch.setattr(sockets, "PONG_WITHIN", 5.0)
    answering, silent = await open_socket(), await open_socket()

    async def answer(times: int) -> None:
        for _ in range(times):
            frame = await answering.receive()
            assert frame["type"] == "ping"
            await answering.send({"type": "pong", "n": frame["n"]})

    answers = asyncio.ensure_future(answer(20))
    assert await silent.closed() == CloseCode.NO_PONG
    await answers


async def test_others_have_a_turn_before_thousands_are_pinged(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.02)
    monkeypatch.setattr(sockets, "PING_EVERY", 0.0)
    mine, pinged, turns = hub.Hub(), [], [0]

    async def send(message: dict[str, str]) -> None:
        pinged.append(message)

    for _ in range(3 * hub.PING_AT_ONCE + 1):
        mine.join(sockets.Socket(send, None, asyncio.get_running_loop().time()))
    async with asyncio.timeout(WITHIN):
        while len(pinged) < len(mine.sockets):
            await asyncio.sleep(0)
            turns.append(len(pinged))
    await mine.aclose()
    assert max(after - before for before, after in pairwise(turns)) == hub.PING_AT_ONCE


async def test_a_wrong_pong_is_none(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.02)
    monkeypatch.setattr(sockets, "PING_EVERY", 0.0)
    monkeypatch.setattr(sockets, "PONG_WITHIN", 0.3)
    page = await open_socket()
    frame = await page.receive()
    await page.send({"type": "pong", "n": frame["n"] + 1})
    assert await page.closed() == CloseCode.NO_PONG


def test_each_event_loop_has_its_own(transactional_db: None) -> None:
    async def mine() -> hub.Hub:
        assert hub.get() is hub.get()
        return hub.get()

    assert asyncio.run(mine()) is not asyncio.run(mine())


async def test_a_layer_that_another_loop_makes_anew(open_socket: Open, watch_token: str, ref: ObjectRef) -> None:
    """Django makes the layer on first use, so two event loops that use it at once may each make one."""
    page = await open_socket()
    await page.subscribe(watch_token)
    for n in range(3):
        channel_layers.backends.clear()
        await view_elsewhere(ref)
        assert (await page.counter(n + 1))["total_views"] == n + 1


async def test_a_page_that_opens_while_the_group_is_left(
    open_socket: Open, watch_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub joins the group again before it reads, or it would miss what other processes count in between."""
    monkeypatch.setattr(membership, "LEAVE_AFTER", 0.0)
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.05)
    first, local, done = await open_socket(), hub.get(), []
    leaving = asyncio.Event()
    await first.subscribe(watch_token)
    layer: Any = get_channel_layer()
    leave, join, read, left = layer.group_discard, layer.group_add, live_numbers.aread, asyncio.Event()

    async def group_discard(*args: Any) -> None:
        leaving.set()
        await leave(*args)
        await left.wait()

    async def group_add(*args: Any) -> None:
        await join(*args)
        done.append("joined")

    async def aread(refs: Any) -> Any:
        done.append("read")
        return await read(refs)

    monkeypatch.setattr(layer, "group_discard", group_discard)
    monkeypatch.setattr(layer, "group_add", group_add)
    monkeypatch.setattr(live_numbers, "aread", aread)
    await first.close()
    await asyncio.wait_for(leaving.wait(), WITHIN)
    second = await open_socket()
    await second.send({"type": "subscribe", "tokens": [watch_token]})
    await until(lambda: bool(local.topics))
    left.set()
    assert (await second.receive())["type"] == "counters"
    assert done == ["joined", "read"]


async def test_a_page_that_opens_while_the_layer_is_down(
    open_socket: Open, view_token: str, watch_token: str, settings: Any
) -> None:
    """The page gets the numbers of the counting Redis, which is another one, and the views of its own process."""
    down = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]}}
    settings.CHANNEL_LAYERS = {"default": down}
    page = await open_socket()
    assert (await page.subscribe(watch_token))["counters"][0]["total_views"] == 0
    await page.send({"type": "view", "id": view_id(), "token": view_token})
    assert (await page.counter(1))["total_views"] == 1


async def test_what_cannot_be_loaded_holds_up_nobody_else(
    open_socket: Open, view_token: str, watch_token: str, redis_client: redis.Redis
) -> None:
    """Without the database, numbers that Redis has are shown. The others follow when the database is back."""
    other = ObjectRef("blog", "article", "10000000")
    warm, cold = await open_socket(), await open_socket()
    await warm.view(view_token, view_id())
    await database_sync_to_async(live_numbers.read)([tokens.read(watch_token, "watch")])
    await database_sync_to_async(rename)("djinsight_persistcursor", "taken_away")
    try:
        await cold.send({"type": "subscribe", "tokens": [tokens.mint("watch", other)]})
        assert (await warm.subscribe(watch_token))["counters"][0]["total_views"] == 1
        both = await open_socket()
        answer = await both.subscribe(watch_token, tokens.mint("watch", other))
        assert [counter["total_views"] for counter in answer["counters"]] == [1]
    finally:
        await database_sync_to_async(rename)("taken_away", "djinsight_persistcursor")
    for page in (cold, both):
        (counter,) = (await page.receive())["counters"]
        assert (counter["ref"], counter["total_views"]) == (str(other), 0)


def rename(table: str, to: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {to}")
