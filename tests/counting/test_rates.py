"""Limits of rates: of a visitor and of a network in Redis, of a socket in its process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async

from djinsight import conf
from djinsight.beacons.beacon import Beacon
from djinsight.beacons.visitors import Visitor
from djinsight.counting import calls, connections, live_numbers
from djinsight.counting.entries import View
from djinsight.counting.recorder import Recorder
from djinsight.exceptions import Reason, Rejected
from djinsight.history import summaries
from djinsight.history.persist import persist
from djinsight.live.frames import CloseCode
from djinsight.models import PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import BROWSER, WITHIN, Page, view_id

pytestmark = pytest.mark.usefixtures("transactional_db")
Open = Callable[..., Awaitable[Page]]

NETWORK = "one-network"


def view(ref: ObjectRef, n: int, visitor: str = "one", network: str = NETWORK) -> View:
    return View(Beacon(view_id(n), ref), Visitor(f"{visitor:_>22}", "192.0.2.0", BROWSER, False, network))


@pytest.fixture
async def recording() -> AsyncIterator[Recorder]:
    each = Recorder(lambda snapshots: None)
    yield each
    await each.aclose()
    await connections.aclose()


async def answers(recording: Recorder, views: list[View]) -> list[str]:
    """Return the outcomes of views that arrive at the same instant, in one call with one reading of the clock."""
    got = await asyncio.gather(*map(recording.record, views), return_exceptions=True)
    return [str(each.reason) if isinstance(each, Rejected) else "counted" for each in got]


def rates(client: redis.Redis) -> set[str]:
    return {key.decode() for key in client.scan_iter("djinsight:rate:*")}


@pytest.mark.parametrize(("rate", "at_once"), [(1, 2), (20, 40), (100.5, 201)])
async def test_a_visitor(rate: float, at_once: int, recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_RATE_VISITOR = rate
    views = [view(ref, n) for n in range(at_once + 5)]
    other = view(ref, 1000, "other")
    assert await answers(recording, [*views, other]) == ["counted"] * at_once + ["rate"] * 5 + ["counted"]
    assert (await live_numbers.aread([ref]))[ref].total_views == at_once + 1


async def test_a_network(recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_RATE_ADDRESS = 5
    views = [view(ref, n, f"visitor-{n}") for n in range(12)]
    others = [view(ref, 100 + n, "one", network) for n, network in enumerate(["other"] * 10 + [""] * 20)]
    assert await answers(recording, views + others) == ["counted"] * 10 + ["rate"] * 2 + ["counted"] * 30


async def test_who_is_refused_pays_nothing(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    """A limited network costs its visitors nothing, and a limited visitor costs the network nothing."""
    settings.DJINSIGHT_RATE_VISITOR, settings.DJINSIGHT_RATE_ADDRESS = 1, 2
    views = [view(ref, n) for n in range(10)] + [view(ref, 10 + n, "other") for n in range(2)]
    assert await answers(recording, views) == ["counted"] * 2 + ["rate"] * 8 + ["counted"] * 2
    assert await answers(recording, [view(ref, 20, "third")]) == ["rate"]
    assert not any("third" in key for key in rates(redis_client))


async def test_a_refused_view_counts_when_it_comes_again(recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_RATE_VISITOR = 100
    views = [view(ref, n) for n in range(210)]
    got = await answers(recording, views)
    assert got.count("rate") == 10
    again = [each for each, answer in zip(views, got, strict=True) if answer == "rate"]
    async with asyncio.timeout(WITHIN):
        while again:
            got = await answers(recording, again)
            assert set(got) <= {"counted", "rate"}
            again = [each for each, answer in zip(again, got, strict=True) if answer == "rate"]
    assert (await live_numbers.aread([ref]))[ref].total_views == 210


async def test_a_view_that_was_counted_is_free(recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    """A page that heard no answer asks again, and is not refused for it."""
    settings.DJINSIGHT_RATE_VISITOR = 1
    assert await answers(recording, [view(ref, 0)] * 10 + [view(ref, 1)]) == ["counted"] * 11


async def test_what_is_kept_lives_for_seconds(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    settings.DJINSIGHT_RATE_VISITOR = settings.DJINSIGHT_RATE_ADDRESS = 1
    await answers(recording, [view(ref, n) for n in range(3)])
    kept = rates(redis_client)
    assert len(kept) == 2
    assert all(0 < redis_client.pttl(key) <= 2000 for key in kept)


async def test_off(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis) -> None:
    assert set(await answers(recording, [view(ref, n) for n in range(500)])) == {"counted"}
    assert rates(redis_client) == set()


@pytest.mark.parametrize("planted", ["list", "garbage", "far ahead", "long ago"])
async def test_a_planted_key(
    planted: str, recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    """Also what a clock leaves that was set back."""
    settings.DJINSIGHT_RATE_VISITOR = 1
    key = f"djinsight:rate:{'one':_>22}"
    if planted == "list":
        redis_client.lpush(key, "planted")
    else:
        redis_client.set(key, {"garbage": "x", "far ahead": 10**16, "long ago": 5}[planted])
    assert await answers(recording, [view(ref, n) for n in range(3)]) == ["counted", "counted", "rate"]


async def test_shards(recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 2
    settings.DJINSIGHT_RATE_VISITOR, settings.DJINSIGHT_RATE_ADDRESS = 5, 100
    assert (await answers(recording, [view(ref, n) for n in range(12)])).count("counted") == 10


async def test_an_object(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    """The ceiling of an object holds for all visitors and networks, as of a proxy that names random ones."""
    settings.DJINSIGHT_RATE_OBJECT = 5
    other = ObjectRef("blog", "article", "other")
    views = [view(ref, n, f"v{n}", f"n{n}") for n in range(15)] + [
        view(other, 20 + n, f"v{n}", f"n{n}") for n in range(10)
    ]
    assert await answers(recording, views) == ["counted"] * 10 + ["rate"] * 5 + ["counted"] * 10
    assert rates(redis_client) == {f"djinsight:rate:object:{each}" for each in (ref, other)}


async def test_the_site(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_RATE_SITE = 5
    refs = [ref, ObjectRef("blog", "article", "other")]
    views = [view(refs[n % 2], n, f"v{n}", f"n{n}") for n in range(15)]
    assert await answers(recording, views) == ["counted"] * 10 + ["rate"] * 5
    assert rates(redis_client) == {"djinsight:rate:site"}


async def test_all_limits_at_once(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    """Each view is paid for in every bucket, or in none."""
    settings.DJINSIGHT_RATE_VISITOR, settings.DJINSIGHT_RATE_ADDRESS, settings.DJINSIGHT_RATE_OBJECT = 1, 2, 3
    settings.DJINSIGHT_RATE_SITE, settings.DJINSIGHT_RATE_NEW_VISITORS = 4, 5
    other = ObjectRef("blog", "article", "other")
    by_visitor = [view(ref, n, "one", "first") for n in range(3)]
    by_network = [view(ref, 10 + n, f"v{n}", "first") for n in range(3)]
    by_object = [view(ref, 20 + n, f"w{n}", "second") for n in range(3)]
    by_site = [view(other, 30 + n, f"x{n}", "third") for n in range(3)]
    got = await answers(recording, by_visitor + by_network + by_object + by_site)
    assert got == ["counted", "counted", "rate"] * 4
    assert (await live_numbers.aread([ref]))[ref].total_views == 6
    assert {"djinsight:rate:site", "djinsight:rate:new:first", "djinsight:rate:new:third"} < rates(redis_client)


async def test_new_visitors_of_a_network(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit views count, and nothing is kept of who it is: not in Redis, and not in the log."""
    settings.DJINSIGHT_RATE_NEW_VISITORS = 1
    monkeypatch.setattr(calls, "NEW_VISITORS_BURST", 5.0)
    office = [view(ref, n, f"person-{n}") for n in range(8)]
    again = [view(ref, 10 + n, f"person-{n}") for n in range(5)]
    others = [view(ref, 20, "elsewhere", "other"), view(ref, 21, "unknown", "")]
    assert set(await answers(recording, office + again + others)) == {"counted"}

    snapshot = (await live_numbers.aread([ref]))[ref]
    assert (snapshot.total_views, snapshot.unique_views) == (15, 7)
    remembered = {key.decode().rpartition("_")[2] for key in redis_client.scan_iter("djinsight:session:*")}
    assert remembered == {*(f"person-{n}" for n in range(5)), "elsewhere", "unknown"}

    await sync_to_async(persist)()
    logged = {row.view_id: (row.visitor.strip("_"), row.is_unique) async for row in PageViewLog.objects.all()}
    assert [logged[view_id(n)] for n in (4, 5, 7, 14)] == [
        ("person-4", True),
        ("", False),
        ("", False),
        ("person-4", False),
    ]
    statistics = await PageViewStatistics.objects.aget()
    summary = await PageViewSummary.objects.aget()
    assert (statistics.total_views, statistics.unique_views) == (15, 7)
    assert (summary.total_views, summary.unique_views) == (15, 7)
    await sync_to_async(lambda: list(summaries.rebuild()))()
    await summary.arefresh_from_db()
    assert (summary.total_views, summary.unique_views) == (15, 7)


async def test_new_visitors_come_again(
    recording: Recorder, ref: ObjectRef, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visitor that was not remembered is remembered once there is room."""
    settings.DJINSIGHT_RATE_NEW_VISITORS = 100
    monkeypatch.setattr(calls, "NEW_VISITORS_BURST", 0.011)
    assert await recording.record(view(ref, 0, "one"))
    numbers = iter(range(1, 1000))
    async with asyncio.timeout(10):
        while not await recording.record(view(ref, next(numbers), "two")):
            pass
    snapshot = (await live_numbers.aread([ref]))[ref]
    assert snapshot.unique_views == 2


async def test_what_a_stranger_may_write_is_bounded(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    """Random sessions, forged ids and user agents of one network, at the default."""
    settings.DJINSIGHT_RATE_NEW_VISITORS = conf.Conf.rate_new_visitors.default
    for n in range(0, 2000, 400):
        await answers(recording, [view(ref, each, f"v{each}") for each in range(n, n + 400)])
    keys = sum(1 for _ in redis_client.scan_iter("djinsight:session:*", count=1000))
    assert 1200 <= keys < 1900  # 600 s of 2 a second at once, and those of the time that this took
    assert (await live_numbers.aread([ref]))[ref].total_views == 2000


# Through the doors


async def test_of_a_page(open_socket: Open, view_token: str, settings: Any) -> None:
    settings.DJINSIGHT_RATE_VISITOR = 1
    page = await open_socket()
    got = [await page.view(view_token, view_id(n)) for n in range(2)]
    assert [frame["type"] for frame in got] == ["counted", "counted"]
    await page.send(json.dumps({"type": "view", "id": view_id(8), "token": view_token}))
    assert await page.receive() == {"type": "rejected", "id": view_id(8), "reason": str(Reason.RATE)}


async def test_over_http(view_token: str, async_client: Any, settings: Any) -> None:
    settings.DJINSIGHT_RATE_VISITOR = 1
    got = []
    for n in range(3):
        frame = json.dumps({"type": "view", "id": view_id(n), "token": view_token})
        headers = {"user-agent": BROWSER, "origin": "http://testserver"}
        answer = await async_client.post(
            "/djinsight/record-view/", frame, content_type="application/json", headers=headers
        )
        got.append((answer.status_code, answer.json()["type"]))
    assert got == [(200, "counted"), (200, "counted"), (429, "rejected")]


@pytest.mark.parametrize("frame", ['{"type":"pong","n":0}', '{"type":"unsubscribe","refs":[]}', "garbage"])
async def test_a_socket_of_many_frames_is_closed_for_good(frame: str, open_socket: Open, settings: Any) -> None:
    settings.DJINSIGHT_RATE_SOCKET = 10
    page = await open_socket()
    for _ in range(30):
        await page.send(frame)
    assert await page.closed() == CloseCode.FLOOD


async def test_a_busy_page_is_not(open_socket: Open, view_token: str, settings: Any) -> None:
    """A hundred frames at once are within the default."""
    settings.DJINSIGHT_RATE_SOCKET = 100
    page = await open_socket()
    for n in range(32):
        await page.send({"type": "view", "id": view_id(n), "token": view_token})
    for _ in range(100):
        await page.send({"type": "unsubscribe", "refs": []})
    assert [(await page.receive())["type"] for _ in range(32)] == ["counted"] * 32
