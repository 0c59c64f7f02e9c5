"""Forged tokens: without a valid token for exactly that, no key or row is made, and no number is shown."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.apps import apps
from django.core.signing import Signer, TimestampSigner
from django.test import Client

from djinsight.beacons import tokens
from djinsight.live import hub
from djinsight.live.frames import CloseCode
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support import users
from tests.support.counted_views import count_views
from tests.support.sockets import BROWSER, Page, view_id

pytestmark = pytest.mark.once

Open = Callable[..., Awaitable[Page]]

SECRET = 987_654  # views that no answer may show


def forgeries(ref: ObjectRef, scope: str) -> dict[str, str]:
    """Return tokens by name that do not grant ``scope`` on ``ref`` or on any other object."""
    good = tokens.mint(scope, ref)  # type: ignore[arg-type]
    text, _, signature = good.rpartition(":")
    other = "watch" if scope == "view" else "view"
    neighbour = f"{ref.app_label}.{ref.model_name}:{int(ref.pk) + 1}"
    return {
        "empty": "",
        "unsigned": text,
        "an empty signature": text + ":",
        "another signature": f"{text}:{signature[::-1]}",
        "a signature cut short": good[:-1],
        "a signature made longer": good + "A",
        "another object": good.replace(str(ref), neighbour),
        "another model": good.replace("blog.article", "auth.user"),
        "another scope": tokens.mint(other, ref),  # type: ignore[arg-type]
        "another scope, rewritten": good.replace(scope, other, 1),
        "expired": tokens.mint(scope, ref, -1),  # type: ignore[arg-type]
        "expired, rewritten": tokens.mint(scope, ref, -1).replace(":1", ":9", 1),  # type: ignore[arg-type]
        "expired, made endless": f"{scope}::{ref}:{tokens.mint(scope, ref, -1).rpartition(':')[2]}",  # type: ignore[arg-type]
        "signed with another key": Signer(key="guessed", salt="djinsight.token").sign(text),
        "signed with no salt": Signer().sign(text),
        "signed with a time": TimestampSigner().sign(text),
        "a session's": "0123456789abcdefghijklmnopqrstuv",
        "no text": "\x00\xff\u202e",
        "long": good * 5,
    }


def everything(client: redis.Redis) -> dict[str, Any]:
    """Return the keys of Redis without refusals, the number of rows by table, and the channels."""
    keys = {key.decode() for key in client.scan_iter() if not key.startswith(b"djinsight:refused")}
    rows = {model._meta.label: model._base_manager.count() for model in apps.get_models()}
    return {"keys": keys, "rows": rows, "channels": {name.decode() for name in client.pubsub_channels()}}


def post(host: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the frame that a server answers with, with any status."""
    headers = {"Origin": f"http://{host}", "User-Agent": BROWSER, "Content-Type": "application/json"}
    request = Request(f"http://{host}/djinsight/{path}/", json.dumps(body).encode(), headers)
    try:
        with urlopen(request, timeout=10) as answer:
            frame: dict[str, Any] = json.load(answer)
    except OSError as error:
        frame = json.loads(error.read())  # type: ignore[attr-defined]
    return frame


async def test_nothing_comes_of_forged_tokens(
    daphne: Callable[..., str], connect: Open, ref: ObjectRef, watch_token: str, redis_client: redis.Redis
) -> None:
    host = await sync_to_async(daphne)()
    page = await connect(host)
    await page.subscribe(watch_token)  # the hub has its channel, and the object is warm
    before = await database_sync_to_async(everything)(redis_client)

    answers = []
    for token in forgeries(ref, "view").values():
        frame = {"type": "view", "id": view_id(), "token": token, "url": "/forged"}
        answers += [await page.ask(frame), await sync_to_async(post)(host, "record-view", frame)]
    for token in forgeries(ref, "watch").values():
        answers.append(await page.subscribe(token))
        assert await sync_to_async(post)(host, "page-stats", {"tokens": [token]}) == {
            "type": "counters",
            "counters": [],
        }

    assert {answer["type"] for answer in answers} == {"rejected", "error"}
    assert {answer["reason"] for answer in answers} <= {"token", "scope", "expired"}
    after = await database_sync_to_async(everything)(redis_client)
    assert after == before


async def test_a_replayed_view_is_one_view(
    daphne: Callable[..., str],
    connect: Open,
    ref: ObjectRef,
    view_token: str,
    watch_token: str,
    redis_client: redis.Redis,
) -> None:
    """A frame that others send again, on other sockets and over HTTP, changes nothing."""
    host = await sync_to_async(daphne)()
    first = await connect(host)
    frame = {"type": "view", "id": view_id(), "token": view_token}
    await first.subscribe(watch_token)
    await first.ask(frame)
    await first.counter(1)
    before = await database_sync_to_async(everything)(redis_client)

    for n in range(5):
        other = await connect(host, cookie=f"sessionid=other-{n}")
        assert await other.ask(frame) == {"type": "counted", "id": view_id(), "unique": False}
        assert (await sync_to_async(post)(host, "record-view", frame))["type"] == "counted"

    assert await database_sync_to_async(everything)(redis_client) == before
    assert redis_client.xlen("djinsight:events") == 1
    assert redis_client.get(f"djinsight:counter:{ref}") == b"1"


# Numbers that only the staff may see


@pytest.fixture
def secret(article: Article, ref: ObjectRef, settings: Any) -> ObjectRef:
    """An article with numbers that only staff may see."""
    settings.DJINSIGHT_ADMIN_ONLY = True
    count_views(ref, 3)
    return ref


def guesses(ref: ObjectRef) -> dict[str, str]:
    """Return tokens by name that a visitor without permission may try."""
    return {**forgeries(ref, "watch"), "from before it was secret": tokens.mint("watch", ref)}


async def test_the_same_answer_for_forbidden_and_absent(
    open_socket: Open, secret: ObjectRef, async_client: Any
) -> None:
    absent = ObjectRef("blog", "article", "999999")
    headers = {"user-agent": BROWSER, "origin": "http://testserver"}
    page = await open_socket()
    for name in guesses(secret):
        forbidden, of_nothing = guesses(secret)[name], guesses(absent)[name]
        assert await page.subscribe(forbidden) == await page.subscribe(of_nothing), name
        polled = [
            await async_client.post(
                "/djinsight/page-stats/", {"tokens": [each]}, content_type="application/json", headers=headers
            )
            for each in (forbidden, of_nothing)
        ]
        assert polled[0].content == polled[1].content == b'{"type":"counters","counters":[]}', name
    assert hub.get().topics == {}


@pytest.mark.parametrize("kind", ["staff", "a user with the permission"])
def test_only_a_page_of_the_staff_has_tokens(kind: str, secret: ObjectRef) -> None:
    client = Client(headers={"user-agent": BROWSER})
    client.force_login(users.make(kind))
    html = client.get(f"/articles/{secret.pk}/").content.decode()
    assert ("data-djinsight-watch" in html) is users.KINDS[kind]
    assert "data-djinsight-view" in html  # the view of every visitor counts


async def test_the_staff_watches_until_the_token_expires(
    open_socket: Open, secret: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY", 0.05)
    page = await open_socket()
    frame = await page.subscribe(tokens.mint("watch", secret, 2))
    assert [counter["total_views"] for counter in frame["counters"]] == [3]
    assert await page.closed() == CloseCode.EXPIRED
