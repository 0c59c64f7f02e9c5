"""Views: the HTTP fallback takes beacons and gives counters, under WSGI, under ASGI and before Django."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections as databases
from django.http import HttpResponse
from django.test import AsyncClient, Client

from djinsight import views
from djinsight.beacons import ids, tokens
from djinsight.beacons.beacon import MAX_FRAME, MAX_TOKENS
from djinsight.counting import connections, entries
from djinsight.counting.entries import Detail
from djinsight.counting.snapshot import Snapshot
from djinsight.live import hub
from djinsight.live.answers import MAX_BODY
from djinsight.tracked.refs import ObjectRef
from tests.support.asgi_client import FallbackClient
from tests.support.loop_iterations import settled
from tests.support.sockets import BROWSER, WITHIN, view_id

VIEW, STATS = "/djinsight/record-view/", "/djinsight/page-stats/"
SAME_ORIGIN = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

pytestmark = pytest.mark.django_db(transaction=True)


class Site:
    """The fallback as a page uses it, through WSGI, through ASGI, or through ``HTTPFallback`` before Django."""

    def __init__(self, client: Client | AsyncClient | FallbackClient) -> None:
        self.client = client

    async def ask(self, url: str, body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
        """POST ``body``, a string, bytes or an object for JSON, and return the status and the frame of the answer."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        options = {"content_type": "application/json", **options}
        options["headers"] = {"user-agent": BROWSER, "origin": "http://testserver"} | options.get("headers", {})
        answer: HttpResponse
        if isinstance(self.client, Client):
            answer = await sync_to_async(self.client.post)(url, data, **options)
        else:
            answer = await self.client.post(url, data, **options)
        assert answer["Content-Type"] == "application/json"
        assert "no-store" in answer["Cache-Control"]
        return answer.status_code, json.loads(answer.content)

    async def view(self, token: Any, n: int = 0, **more: Any) -> tuple[int, dict[str, Any]]:
        return await self.ask(VIEW, {"type": "view", "id": view_id(n), "token": token, **more})

    async def counters(self, *listed: str) -> dict[str, dict[str, Any]]:
        status, frame = await self.ask(STATS, {"tokens": listed})
        assert (status, frame["type"]) == (200, "counters")
        return {counter["ref"]: counter for counter in frame["counters"]}


@pytest.fixture(params=[Client, AsyncClient, FallbackClient], ids=["WSGI", "ASGI", "before Django"])
async def site(request: pytest.FixtureRequest, settings: Any) -> AsyncIterator[Site]:
    settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", *settings.MIDDLEWARE]
    yield Site(request.param(enforce_csrf_checks=True))
    await hub.aclose()
    await connections.aclose()


def counted(n: int = 0, unique: bool = True) -> tuple[int, dict[str, Any]]:
    return 200, {"type": "counted", "id": view_id(n), "unique": unique}


def rejected(status: int, reason: str, n: int = 0) -> tuple[int, dict[str, Any]]:
    return status, {"type": "rejected", "id": view_id(n), "reason": reason}


def error(status: int, reason: str) -> tuple[int, dict[str, Any]]:
    return status, {"type": "error", "reason": reason}


# Views


async def test_counted(site: Site, view_token: str, watch_token: str, ref: ObjectRef) -> None:
    assert await site.view(view_token, url="/a", referrer="https://b/") == counted()
    counter = (await site.counters(watch_token))[str(ref)]
    assert (counter["total_views"], counter["unique_views"], counter["views_today"]) == (1, 1, 1)
    assert counter["first_viewed_at"] == counter["last_viewed_at"] is not None


async def test_in_the_stream(site: Site, view_token: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    await site.view(view_token, url="/a", referrer="https://b/")
    ((_, fields),) = await sync_to_async(redis_client.xrange)("djinsight:events")
    assert fields[b"r"].decode() == str(ref)
    detail = entries.decode(fields[b"v"], fields[b"d"])
    assert detail == Detail(view_id(), detail.visitor, "/a", "https://b/", BROWSER, "127.0.0.0")


async def test_the_same_id_counts_once(site: Site, view_token: str, watch_token: str, ref: ObjectRef) -> None:
    assert [await site.view(view_token) for _ in range(3)] == [counted(), counted(unique=False), counted(unique=False)]
    assert (await site.counters(watch_token))[str(ref)]["total_views"] == 1


async def test_unique_is_once_a_visitor(site: Site, view_token: str) -> None:
    site.client.cookies["sessionid"] = "0123456789abcdef"
    assert await site.view(view_token, 1) == counted(1)
    assert await site.view(view_token, 2) == counted(2, unique=False)
    site.client.cookies["sessionid"] = "fedcba9876543210"  # signed in, and recognised by the id that it was given
    assert await site.view(view_token, 3) == counted(3, unique=False)
    site.client.cookies.clear()
    assert await site.view(view_token, 4) == counted(4)
    assert await site.view(view_token, 5) == counted(5, unique=False)


@pytest.mark.parametrize("secure", [True, False])
async def test_the_answer_gives_the_id(secure: bool, site: Site, view_token: str) -> None:
    origin = {"origin": f"http{'s' if secure else ''}://testserver"}
    frame = {"type": "view", "id": view_id(1), "token": view_token}
    assert await site.ask(VIEW, frame, secure=secure, headers=origin) == counted(1)
    given = site.client.cookies["djinsight_visitor"]
    assert ids.read(given.value)
    assert (given["path"], given["samesite"], int(given["max-age"])) == ("/", "Lax", 31_536_000)
    assert (bool(given["secure"]), bool(given["httponly"]), given["domain"]) == (secure, False, "")
    site.client.cookies["other"] = "cookie"
    again = await site.ask(VIEW, {**frame, "id": view_id(2)}, secure=secure, headers=origin)
    assert again == counted(2, unique=False)
    assert site.client.cookies["djinsight_visitor"].value == given.value


@pytest.mark.parametrize("mode", ["session", "anonymous"])
async def test_no_id_is_given(mode: str, site: Site, view_token: str, watch_token: str, settings: Any) -> None:
    await site.counters(watch_token)
    assert not site.client.cookies
    settings.DJINSIGHT_VISITOR = mode
    assert await site.view(view_token) == counted()
    assert not site.client.cookies


async def test_on_a_site_that_asks_for_a_login(site: Site, view_token: str, watch_token: str, settings: Any) -> None:
    """The tokens of its public pages permit counting, as they do over the socket."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert await site.view(view_token) == counted()
    assert await site.counters(watch_token)


async def test_on_a_site_with_a_transaction_a_request(
    site: Site, view_token: str, watch_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django allows no ``ATOMIC_REQUESTS`` for async views."""
    monkeypatch.setitem(databases["default"].settings_dict, "ATOMIC_REQUESTS", True)
    assert await site.view(view_token) == counted()
    assert await site.counters(watch_token)


async def test_as_a_beacon_comes(site: Site, view_token: str) -> None:
    """``sendBeacon`` sends text/plain, as another content type would need a preflight request."""
    frame = json.dumps({"type": "view", "id": view_id(), "token": view_token})
    assert await site.ask(VIEW, frame, content_type="text/plain;charset=UTF-8") == counted()


async def test_answered_while_others_are_viewed_without_end(view_token: str, ref: ObjectRef, monkeypatch: Any) -> None:
    """The answer waits only for this view, although the loop always has more to broadcast."""
    publisher = hub.get().publisher
    busy = Snapshot(ObjectRef("blog", "article", "busy"), 1, 1, 1, 1, 1, 20_000)

    async def send(now: float) -> None:
        # As if the next view of another object had arrived meanwhile.
        publisher._due.pop(busy.ref, None)
        await settled(1)
        publisher._due[busy.ref] = busy

    monkeypatch.setattr(publisher, "_send", send)
    publisher.publish([busy])
    try:
        async with asyncio.timeout(WITHIN):
            assert await Site(AsyncClient()).view(view_token) == counted()
    finally:
        monkeypatch.undo()
        await hub.aclose()
        await connections.aclose()


async def test_the_first_view_of_a_cold_object_reaches_other_pages(
    open_socket: Any, view_token: str, watch_token: str, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    """Its counters are loaded after the view is counted, and the event loop under WSGI must not end before."""

    def view() -> int:
        frame = {"type": "view", "id": view_id(), "token": view_token}
        headers = {"user-agent": BROWSER, "origin": "http://testserver"}
        return Client().post(VIEW, frame, content_type="application/json", headers=headers).status_code

    page = await open_socket()
    await page.subscribe(watch_token)
    assert await sync_to_async(redis_client.delete)(f"djinsight:viewed:{ref}") == 1
    # In a thread without an event loop, as asgiref would otherwise run the view in this test's loop.
    assert await asyncio.to_thread(view) == 200
    assert (await page.counter(1))["total_views"] == 1


# Views that are refused


async def test_refused_for_its_token(site: Site, ref: ObjectRef, view_token: str, watch_token: str) -> None:
    expired = tokens.mint("view", ref, -1)
    assert await site.view(None) == rejected(403, "token")
    assert await site.view("garbage") == rejected(403, "token")
    assert await site.view(view_token[:-1]) == rejected(403, "token")
    assert await site.view(view_token.replace(":", ";", 1)) == rejected(403, "token")
    assert await site.view(watch_token) == rejected(403, "scope")
    assert await site.view(expired) == rejected(403, "expired")
    assert (await site.counters(watch_token))[str(ref)]["total_views"] == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"url": 5}, "url"), ({"url": "/\0"}, "url"), ({"url": "x" * 2049}, "url"), ({"referrer": "\ud800"}, "referrer")],
)
async def test_refused_for_its_fields(site: Site, view_token: str, fields: dict[str, Any], reason: str) -> None:
    assert await site.view(view_token, **fields) == rejected(400, reason)


BODIES: dict[str, tuple[str | bytes, tuple[int, dict[str, Any]]]] = {
    "empty": ("", error(400, "malformed")),
    "not JSON": ("{", error(400, "malformed")),
    "a list": ("[]", error(400, "malformed")),
    "not UTF-8": (b'{"id": "\xff"}', error(400, "malformed")),
    "UTF-16": ("{}".encode("utf-16"), error(400, "malformed")),
    "NaN": ('{"id": NaN}', error(400, "malformed")),
    "deep": ("[" * 2000, error(400, "malformed")),
    "a form": ("id=1&token=2", error(400, "malformed")),
    "too large": ("x" * (MAX_FRAME + 1), error(413, "too_large")),
    "too large, two bytes a character": ("é" * (MAX_FRAME // 2 + 1), error(413, "too_large")),
    "far too large": ("x" * 1_000_000, error(413, "too_large")),
    "no id": ("{}", error(400, "id")),
    "a bad id": ('{"id": "x"}', error(400, "id")),
}


@pytest.mark.parametrize(("body", "answer"), BODIES.values(), ids=BODIES)
async def test_refused_body(
    site: Site, body: str | bytes, answer: tuple[int, dict[str, Any]], redis_client: redis.Redis
) -> None:
    assert await site.ask(VIEW, body) == answer
    assert await sync_to_async(redis_client.dbsize)() == 0


@pytest.mark.parametrize("user_agent", [CRAWLER, ""], ids=["crawler", "none"])
async def test_refused_crawler(site: Site, view_token: str, user_agent: str) -> None:
    frame = {"type": "view", "id": view_id(), "token": view_token}
    assert await site.ask(VIEW, frame, headers={"user-agent": user_agent}) == rejected(403, "bot")


async def test_refused_where_tracking_is_off(site: Site, view_token: str, watch_token: str, settings: Any) -> None:
    settings.DJINSIGHT_ENABLE_TRACKING = False
    assert await site.view(view_token) == rejected(403, "disabled")
    assert len(await site.counters(watch_token)) == 1


async def test_redis_down(site: Site, view_token: str, watch_token: str, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert await site.view(view_token) == rejected(503, "unavailable")
    assert await site.ask(STATS, {"tokens": [watch_token]}) == error(503, "unavailable")


# Content-Length


@pytest.mark.parametrize(
    ("length", "answer"),
    [
        ("abc", error(400, "malformed")),
        ("-5", error(400, "malformed")),
        ("0", error(400, "malformed")),
        ("10", error(400, "malformed")),
        ("999999999999", error(413, "too_large")),
    ],
)
def test_a_wrong_length(length: str, answer: tuple[int, dict[str, Any]], view_token: str) -> None:
    """WSGI servers pass the header on as it came."""
    frame = json.dumps({"type": "view", "id": view_id(), "token": view_token})
    client = Client(headers={"user-agent": BROWSER, "origin": "http://testserver"})
    got = client.post(VIEW, frame, content_type="application/json", CONTENT_LENGTH=length)
    assert (got.status_code, json.loads(got.content)) == answer


@pytest.mark.parametrize(
    ("view", "limit", "character"),
    [
        (views.record_page_view, MAX_FRAME, "x"),
        (views.record_page_view, MAX_FRAME, "é"),
        (views.get_page_stats, MAX_BODY, "x"),
        (views.get_page_stats, MAX_BODY, "é"),
    ],
    ids=["a view", "a view of two bytes a character", "tokens", "tokens of two bytes a character"],
)
async def test_a_body_without_length(view: Any, limit: int, character: str) -> None:
    """A chunked body has no length, so no more than the limit is read."""
    body = BytesIO(character.encode() * (limit + 1))
    answer = await view(ASGIRequest({"type": "http", "method": "POST", "path": "/", "headers": SAME_ORIGIN}, body))
    assert (answer.status_code, json.loads(answer.content)) == error(413, "too_large")
    assert body.tell() == limit + 1


# Counters


async def test_counters_of_several(site: Site, view_token: str, ref: ObjectRef) -> None:
    # Keys that no article of a long test run reaches.
    others = [ObjectRef("blog", "article", str(n)) for n in (10_000_001, 10_000_002)]
    await site.view(view_token)
    counters = await site.counters(*(tokens.mint("watch", each) for each in (ref, *others, ref)))
    assert {name: counter["total_views"] for name, counter in counters.items()} == {
        str(ref): 1,
        **{str(other): 0 for other in others},
    }


async def test_bad_tokens_are_left_out(site: Site, ref: ObjectRef, view_token: str, watch_token: str) -> None:
    expired = tokens.mint("watch", ref, -1)
    assert set(await site.counters("", "garbage", view_token, expired, watch_token, watch_token[:-1])) == {str(ref)}
    assert await site.counters("garbage", view_token) == {}
    assert await site.counters() == {}


async def test_as_many_counters_as_may_be(site: Site) -> None:
    """A body has room for the longest tokens of a hundred objects."""
    refs = [ObjectRef("blog", "term", f"{n:0>190}") for n in range(MAX_TOKENS)]
    assert list(await site.counters(*(tokens.mint("watch", ref, 3600) for ref in refs))) == [str(ref) for ref in refs]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param("", error(400, "malformed"), id="empty"),
        pytest.param("{}", error(400, "malformed"), id="no tokens"),
        pytest.param({"tokens": "x"}, error(400, "malformed"), id="a text"),
        pytest.param({"tokens": [5]}, error(400, "malformed"), id="a number"),
        pytest.param({"tokens": None}, error(400, "malformed"), id="null"),
        pytest.param({"tokens": ["x"] * (MAX_TOKENS + 1)}, error(400, "subscriptions"), id="too many"),
        pytest.param({"tokens": ["x" * MAX_BODY]}, error(413, "too_large"), id="too large"),
        pytest.param(b"\xff", error(400, "malformed"), id="not UTF-8"),
    ],
)
async def test_refused_tokens(site: Site, body: Any, answer: tuple[int, dict[str, Any]]) -> None:
    assert await site.ask(STATS, body) == answer


async def test_a_crawler_may_watch(site: Site, watch_token: str) -> None:
    status, frame = await site.ask(STATS, {"tokens": [watch_token]}, headers={"user-agent": CRAWLER})
    assert (status, len(frame["counters"])) == (200, 1)


# Methods


@pytest.mark.parametrize("url", [VIEW, STATS])
@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods(url: str, method: str) -> None:
    answer = getattr(Client(), method)(url)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
