"""The consumer: views, subscriptions and their answers over one socket, and bad frames, which change nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from channels.db import database_sync_to_async
from django.core.signing import Signer

from djinsight.beacons import tokens
from djinsight.live import hub
from djinsight.live.frames import CloseCode
from djinsight.live.sockets import MAX_ERRORS, MAX_SUBSCRIPTIONS
from djinsight.models import DeadLetter, PageViewLog, PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import BROWSER, Page, connect_page, view_id

Open = Callable[..., Awaitable[Page]]

# A string in bad frames that must not appear in any log, key or row.
MARK = "c1ient-text"


async def test_a_view_is_counted_and_reaches_the_other_page(
    open_socket: Open, view_token: str, watch_token: str
) -> None:
    watching, viewing = await open_socket(), await open_socket()
    subscribed = await watching.subscribe(watch_token)
    assert [counter["total_views"] for counter in subscribed["counters"]] == [0]

    assert await viewing.view(view_token, view_id()) == {"type": "counted", "id": view_id(), "unique": True}

    counter = await watching.counter(1)
    assert (counter["total_views"], counter["unique_views"], counter["views_today"]) == (1, 1, 1)


async def test_unique_is_once_a_visitor(open_socket: Open, view_token: str, settings: Any) -> None:
    cookie = settings.SESSION_COOKIE_NAME + "="
    one, same, other = [await open_socket(cookie=cookie + key) for key in ("one", "one", "other")]
    assert [(await page.view(view_token, view_id(n)))["unique"] for n, page in enumerate((one, same, other, one))] == [
        True,
        False,
        True,
        False,
    ]


async def test_a_socket_without_an_id_is_given_one_before_its_view_is_counted(
    open_socket: Open, view_token: str, watch_token: str
) -> None:
    """All views of a socket share one id. A page that only watches, or whose view is refused, gets none."""
    page = await open_socket()
    await page.subscribe(watch_token)
    await page.view("forged", view_id(0))
    assert page.issued == ""
    for n in range(1, 3):
        await page.send({"type": "view", "id": view_id(n), "token": view_token})
    frames: list[dict[str, Any]] = []
    while sum(frame["type"] == "counted" for frame in frames) < 2:
        frames.append(await page.receive_any())
    answers = [frame for frame in frames if frame["type"] != "counters"]
    assert [frame["type"] for frame in answers] == ["visitor", "counted", "counted"]
    assert answers[0]["max_age"] == 31_536_000
    counted = [frame["unique"] for frame in answers[1:]]
    later = await open_socket(cookie=f"djinsight_visitor={answers[0]['visitor']}")
    counted.append((await later.view(view_token, view_id(3)))["unique"])
    assert counted.count(True) == 1
    assert later.issued == ""


@pytest.mark.parametrize("first", ["socket", "HTTP"])
async def test_a_view_that_is_sent_again_gets_the_same_id(
    first: str, open_socket: Open, view_token: str, watch_token: str, async_client: Any
) -> None:
    """The first answer was lost with the id in it. The retry gets the same id again."""
    given: list[str] = []
    headers = {"user-agent": BROWSER, "origin": "http://testserver"}
    frame = {"type": "view", "id": view_id(), "token": view_token}

    async def over_http() -> None:
        async_client.cookies.clear()
        answer = await async_client.post(
            "/djinsight/record-view/", json.dumps(frame), content_type="application/json", headers=headers
        )
        assert answer.json()["type"] == "counted"
        given.append(answer.cookies["djinsight_visitor"].value)

    async def by_socket() -> None:
        page = await open_socket()
        assert (await page.view(view_token, view_id()))["type"] == "counted"
        given.append(page.issued)

    for send in (by_socket, over_http) if first == "socket" else (over_http, by_socket):
        await send()
    (counter,) = (await (await open_socket()).subscribe(watch_token))["counters"]
    assert (counter["total_views"], counter["unique_views"]) == (1, 1)
    assert given[0] == given[1] != ""


async def test_who_it_is_is_decided_once_with_the_first_view(open_socket: Open, view_token: str, settings: Any) -> None:
    cookie = settings.SESSION_COOKIE_NAME + "=one"
    early, late = await open_socket(cookie=cookie), await open_socket(cookie=cookie)
    assert (await early.view(view_token, view_id(1)))["unique"] is True
    settings.DJINSIGHT_VISITOR = "anonymous"
    assert (await early.view(view_token, view_id(2)))["unique"] is False
    assert (await late.view(view_token, view_id(3)))["unique"] is True


# View ids


async def test_the_same_id_counts_once_over_a_socket(open_socket: Open, view_token: str, watch_token: str) -> None:
    page = await open_socket()
    for _ in range(3):
        assert (await page.view(view_token, view_id()))["type"] == "counted"
    assert (await page.subscribe(watch_token))["counters"][0]["total_views"] == 1


async def test_the_same_id_counts_once_over_two_sockets(open_socket: Open, view_token: str, watch_token: str) -> None:
    first, second = await open_socket(), await open_socket(user_agent=BROWSER + " (another)")
    await first.view(view_token, view_id())
    assert await second.view(view_token, view_id()) == {"type": "counted", "id": view_id(), "unique": False}
    assert (await first.subscribe(watch_token))["counters"][0]["total_views"] == 1


async def test_the_same_id_counts_once_over_socket_and_http(
    open_socket: Open, view_token: str, watch_token: str, async_client: Any
) -> None:
    page = await open_socket()
    await page.view(view_token, view_id())
    frame = json.dumps({"type": "view", "id": view_id(), "token": view_token})
    answer = await async_client.post(
        "/djinsight/record-view/",
        frame,
        content_type="application/json",
        headers={"user-agent": BROWSER, "origin": "http://testserver"},
    )
    assert answer.json() == {"type": "counted", "id": view_id(), "unique": False}
    assert (await page.subscribe(watch_token))["counters"][0]["total_views"] == 1


# Bad frames


def frame(**fields: Any) -> str:
    return json.dumps({"type": "view", "id": view_id(), "url": f"/{MARK}", **fields})


def bad_frames(ref: ObjectRef) -> dict[str, tuple[str | bytes, dict[str, str]]]:
    """Return bad frames by name, each with the server's answer."""
    view, watch = tokens.mint("view", ref), tokens.mint("watch", ref)
    expired = tokens.mint("view", ref, max_age=-1)
    foreign = Signer(key="another site", salt="djinsight.token").sign(f"view::{ref}")
    other_salt = Signer(salt="something else").sign(f"view::{ref}")
    forged = view[:-1] + ("A" if view[-1] != "A" else "B")
    moved = view.replace(str(ref), f"blog.article:{int(ref.pk) + 1}")

    def rejected(reason: str) -> dict[str, str]:
        return {"type": "rejected", "id": view_id(), "reason": reason}

    def error(reason: str) -> dict[str, str]:
        return {"type": "error", "reason": reason}

    return {
        "not JSON": (f"{{{MARK}", error("malformed")),
        "empty": ("", error("malformed")),
        "a list": (f'["{MARK}"]', error("malformed")),
        "a number": ("12", error("malformed")),
        "NaN": ('{"type": "pong", "n": NaN}', error("malformed")),
        "an endless number": ('{"type": "pong", "n": 1e999}', error("malformed")),
        "deep nesting": ("[" * 2000 + "]" * 2000, error("malformed")),
        "deep objects": ('{"a":' * 600 + "1" + "}" * 600, error("unknown_type")),
        "5 KB": (frame(token=view, url="/" + "x" * 5000), error("too_large")),
        "5 KB of two bytes a character": (json.dumps({"type": "é" * 2500}, ensure_ascii=False), error("too_large")),
        "binary": (frame(token=view).encode(), error("binary")),
        "no type": ("{}", error("unknown_type")),
        "unknown type": (json.dumps({"type": MARK}), error("unknown_type")),
        "type is a list": ('{"type": ["view"]}', error("unknown_type")),
        "no id": (json.dumps({"type": "view", "token": view}), error("id")),
        "a short id": (frame(id="x" * 15, token=view), error("id")),
        "a long id": (frame(id="x" * 37, token=view), error("id")),
        "an id with a line": (frame(id=view_id() + "\n", token=view), error("id")),
        "id is a number": (frame(id=1234567890123456, token=view), error("id")),
        "no token": (frame(), rejected("token")),
        "token is null": (frame(token=None), rejected("token")),
        "token of garbage": (frame(token=MARK), rejected("token")),
        "a forged token": (frame(token=forged), rejected("token")),
        "a token moved to another object": (frame(token=moved), rejected("token")),
        "a foreign token": (frame(token=foreign), rejected("token")),
        "a token of another salt": (frame(token=other_salt), rejected("token")),
        "an expired token": (frame(token=expired), rejected("expired")),
        "a watch token to count": (frame(token=watch), rejected("scope")),
        "url is a number": (frame(token=view, url=5), rejected("url")),
        "url is null": (frame(token=view, url=None), rejected("url")),
        "url too long": (frame(token=view, url="/" * 2049), rejected("url")),
        "NUL in the url": (frame(token=view, url=f"/{MARK}\0"), rejected("url")),
        "a lone surrogate in the url": (frame(token=view, url=f"/{MARK}\ud800"), rejected("url")),
        "a lone surrogate in the referrer": (frame(token=view, referrer="\udfff"), rejected("referrer")),
        "a line in the referrer": (frame(token=view, referrer=f"{MARK}\nfake log line"), rejected("referrer")),
        "a view token to subscribe": (json.dumps({"type": "subscribe", "tokens": [view]}), error("scope")),
        "a forged token to subscribe": (json.dumps({"type": "subscribe", "tokens": [MARK]}), error("token")),
        "subscribe without tokens": ('{"type": "subscribe"}', error("malformed")),
        "subscribe with numbers": ('{"type": "subscribe", "tokens": [1]}', error("malformed")),
        "101 tokens": (json.dumps({"type": "subscribe", "tokens": ["x"] * 101}), error("subscriptions")),
        "unsubscribe nonsense": (json.dumps({"type": "unsubscribe", "refs": [MARK]}), error("malformed")),
        "a pong of nothing": ('{"type": "pong"}', error("malformed")),
        "a pong of true": ('{"type": "pong", "n": true}', error("malformed")),
    }


BAD_FRAMES = list(bad_frames(ObjectRef("blog", "article", "1")))


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_bad_frame(
    name: str,
    open_socket: Open,
    ref: ObjectRef,
    watch_token: str,
    redis_client: redis.Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    page, other = await open_socket(), await open_socket()
    await other.subscribe(watch_token)
    before = await database_sync_to_async(everything)(redis_client)
    bad, answer = bad_frames(ref)[name]

    assert await page.ask(bad) == answer

    # Both sockets stay open, and the next frames are answered.
    assert (await page.view(tokens.mint("view", ref), view_id(1)))["type"] == "counted"
    assert (await other.counter(1))["total_views"] == 1
    after = await database_sync_to_async(everything)(redis_client)
    good = {"counter", "unique_counter", "day", "viewed", "session", "ids", "events", "meta", "pending"}
    assert {key.split(":")[1] for key in after["keys"] - before["keys"]} <= good
    assert after["views in the stream"] == 1
    assert after["rows"] == before["rows"]
    assert MARK not in caplog.text
    assert MARK not in after["text"]


def everything(client: redis.Redis) -> dict[str, Any]:
    """Return all keys of Redis, the number of views in the stream, the number of rows, and the stream."""
    stream = client.xrange("djinsight:events")
    return {
        "keys": {key.decode() for key in client.scan_iter()},
        "views in the stream": len(stream),
        "rows": [model.objects.count() for model in (PageViewLog, PageViewStatistics, DeadLetter)],
        "text": repr((client.keys("*"), stream)),
    }


async def test_the_101st_subscription_is_refused(open_socket: Open, article: Any) -> None:
    page = await open_socket()
    watch = [tokens.mint("watch", ObjectRef("blog", "article", str(n))) for n in range(MAX_SUBSCRIPTIONS + 1)]
    for start in range(0, MAX_SUBSCRIPTIONS, 25):
        frame = await page.subscribe(*watch[start : start + 25])
        assert len(frame["counters"]) == 25

    assert await page.subscribe(watch[-1]) == {"type": "error", "reason": "subscriptions"}
    assert len(hub.get().topics) == MAX_SUBSCRIPTIONS

    # After an unsubscribe there is room again.
    await page.send({"type": "unsubscribe", "refs": ["blog.article:0"]})
    frame = await page.subscribe(watch[-1])
    assert [counter["ref"] for counter in frame["counters"]] == [f"blog.article:{MAX_SUBSCRIPTIONS}"]


async def test_a_socket_of_garbage_is_closed_for_good(open_socket: Open) -> None:
    page = await open_socket()
    for _ in range(MAX_ERRORS):
        assert await page.ask("garbage") == {"type": "error", "reason": "malformed"}
    await page.send("garbage")
    assert await page.closed() == CloseCode.MISUSE


async def test_a_socket_of_forged_tokens_is_closed_for_good(open_socket: Open, watch_token: str) -> None:
    """A page gets an error for each of a hundred bad tokens. After one more, the server closes its socket."""
    page = await open_socket()
    await page.send({"type": "subscribe", "tokens": ["forged"] * MAX_ERRORS})
    for _ in range(MAX_ERRORS):
        assert await page.receive() == {"type": "error", "reason": "token"}
    await page.subscribe(watch_token)
    await page.send({"type": "subscribe", "tokens": ["forged", watch_token]})
    assert await page.closed() == CloseCode.MISUSE


async def test_a_crawler_counts_nothing_and_may_watch(open_socket: Open, view_token: str, watch_token: str) -> None:
    crawler = await open_socket(user_agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    assert await crawler.view(view_token, view_id()) == {"type": "rejected", "id": view_id(), "reason": "bot"}
    assert (await crawler.subscribe(watch_token))["counters"][0]["total_views"] == 0


async def test_tracking_off(open_socket: Open, view_token: str, settings: Any) -> None:
    settings.DJINSIGHT_ENABLE_TRACKING = False
    page = await open_socket()
    assert await page.view(view_token, view_id()) == {"type": "rejected", "id": view_id(), "reason": "disabled"}


async def test_redis_down(open_socket: Open, view_token: str, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    page = await open_socket()
    assert await page.view(view_token, view_id()) == {"type": "rejected", "id": view_id(), "reason": "unavailable"}


async def test_a_foreign_origin_is_refused(daphne: Callable[..., str]) -> None:
    host = daphne()
    with pytest.raises(Exception, match="HTTP 403"):
        await connect_page(host, origin="https://evil.example")
    page = await connect_page(host)
    await page.close()


async def test_bad_frames_do_not_end_a_server(
    daphne: Callable[..., str], connect: Open, ref: ObjectRef, view_token: str
) -> None:
    page = await connect(daphne())
    for bad, answer in bad_frames(ref).values():
        assert await page.ask(bad) == answer
    assert (await page.view(view_token, view_id(1)))["type"] == "counted"
