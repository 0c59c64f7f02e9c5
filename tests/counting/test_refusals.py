"""Refusals: each is counted by its reason and day, at the price of an addition, and reaches the database once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from websockets.exceptions import InvalidStatus

from djinsight import days
from djinsight.beacons import tokens
from djinsight.counting import refusals
from djinsight.exceptions import Reason
from djinsight.history.refusal_counts import move, recent
from djinsight.models import PersistCursor, RefusalCount
from djinsight.tasks import persist
from djinsight.tracked.refs import ObjectRef
from tests.support import processes
from tests.support.hubs import until
from tests.support.sockets import BROWSER, Page, connect_page, view_id

Open = Callable[..., Awaitable[Page]]
MOVING = "djinsight:refused:moving"


def today() -> date:
    return days.now().day


def count(**numbers: int) -> None:
    for reason, number in numbers.items():
        for _ in range(number):
            refusals.count(Reason[reason.upper()])


def in_redis() -> dict[str, int]:
    """Return today's counts, with those that this process has not sent yet."""
    refusals.flush()
    return {str(reason): number for (_, reason), number in refusals.pending().items()}


def in_database() -> dict[str, int]:
    return dict(RefusalCount.objects.values_list("reason", "refused"))


# In the process and in Redis


def test_counted_by_reason_and_day() -> None:
    count(token=3, bot=1)
    assert refusals.pending() == {}
    count(token=2)
    refusals.flush()
    assert refusals.pending() == {(today(), Reason.TOKEN): 5, (today(), Reason.BOT): 1}
    count(bot=1)
    assert in_redis() == {"token": 5, "bot": 2}


def test_from_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(count, rate=500)
    assert in_redis() == {"rate": 4000}


async def test_sent_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "FLUSH_EVERY", 0.05)
    count(rate=7)
    await until(lambda: refusals.pending() == {(today(), Reason.RATE): 7})


def test_kept_while_redis_is_down(settings: Any) -> None:
    url = settings.DJINSIGHT_REDIS_URL
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    count(token=3)
    refusals.flush()
    count(token=1)
    settings.DJINSIGHT_REDIS_URL = url
    assert in_redis() == {"token": 4}


def test_the_process_has_a_bound(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(refusals, "MAX_KEPT", 2)
    count(token=1, bot=1, rate=1)
    refusals.flush()
    assert not refusals._counts


@pytest.mark.parametrize("planted", ["list", "field"])
def test_a_planted_key(planted: str, redis_client: redis.Redis) -> None:
    if planted == "list":
        redis_client.lpush("djinsight:refused", "planted")
    else:
        redis_client.hset("djinsight:refused", f"{days.now().stamp}:token", "planted")
    count(token=2)
    assert in_redis() == {"token": 2}


def test_fields_of_another_program(redis_client: redis.Redis) -> None:
    fields = {"20260101:nonsense": 5, "x": 1, "2026:token": 1, "20260101:bot": "x", "20260102:bot": 10**30, b"\xff": 1}
    redis_client.hset("djinsight:refused", mapping=fields)
    redis_client.hset("djinsight:refused", "20260103:bot", 4)
    assert refusals.pending() == {(date(2026, 1, 3), Reason.BOT): 4}


# Into the database


@pytest.mark.django_db(transaction=True)
def test_moved_by_persist(redis_client: redis.Redis) -> None:
    count(token=3, bot=1)
    refusals.flush()
    persist()
    assert in_database() == {"token": 3, "bot": 1}
    count(token=2)
    refusals.flush()
    persist()
    persist()
    assert in_database() == {"token": 5, "bot": 1}
    assert redis_client.keys("djinsight:refused*") == []


@pytest.mark.django_db(transaction=True)
def test_moved_while_another_shard_is_down(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 2
    settings.DJINSIGHT_REDIS_URL = [settings.DJINSIGHT_REDIS_URL, "redis://127.0.0.1:1/0"]
    count(token=3)
    refusals.flush()
    with pytest.raises(redis.ConnectionError):
        persist()
    assert in_database() == {"token": 3}


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_batch_is_dropped(redis_client: redis.Redis) -> None:
    count(token=3)
    refusals.flush()
    assert move() == 3
    batch = {f"{days.now().stamp}:token": 3, "id": PersistCursor.objects.get(shard=0).refusals}
    redis_client.hset(MOVING, mapping=batch)
    assert recent() == [(today(), Reason.TOKEN, 3)]
    count(token=1)
    refusals.flush()
    assert move() == 0  # the batch is known
    assert move() == 1
    assert in_database() == {"token": 4}


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_commit(redis_client: redis.Redis) -> None:
    """The batch waits, and what came after it does not mix with it."""
    redis_client.hset(MOVING, mapping={f"{days.now().stamp}:token": 3, "id": "of a crash"})
    count(token=1)
    refusals.flush()
    assert recent() == [(today(), Reason.TOKEN, 4)]
    assert move() == 3
    assert move() == 1
    assert recent() == [(today(), Reason.TOKEN, 4)]


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once() -> None:
    def work(n: int) -> None:
        try:
            for _ in range(10):
                count(token=3)
                refusals.flush()
                move()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    move()
    move()
    assert in_database() == {"token": 240}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("planted", ["list", "no id", "nothing but an id"])
def test_a_planted_batch(planted: str, redis_client: redis.Redis) -> None:
    if planted == "list":
        redis_client.lpush(MOVING, "x")
    elif planted == "no id":
        redis_client.hset(MOVING, "x", "y")
    else:
        redis_client.hset(MOVING, "id", "\xff" * 100)
    count(token=2)
    refusals.flush()
    move()
    move()
    assert in_database() == {"token": 2}
    assert redis_client.exists(MOVING) == 0


@pytest.mark.django_db(transaction=True)
def test_recent() -> None:
    RefusalCount.objects.create(date=today() - timedelta(days=7), reason="token", refused=1)
    RefusalCount.objects.create(date=today() - timedelta(days=6), reason="bot", refused=2)
    RefusalCount.objects.create(date=today(), reason="token", refused=3)
    count(token=1, rate=9)
    refusals.flush()
    assert recent(7) == [
        (today(), Reason.RATE, 9),
        (today(), Reason.TOKEN, 4),
        (today() - timedelta(days=6), Reason.BOT, 2),
    ]


@pytest.mark.django_db(transaction=True)
def test_in_the_admin(client: Client) -> None:
    client.force_login(User.objects.create_superuser("staff"))
    RefusalCount.objects.create(date=today(), reason="token", refused=1234)
    for url in ("/admin/djinsight/refusalcount/", "/admin/djinsight/refusalcount/?reason=token"):
        html = client.get(url).content.decode()
        assert "token" in html
        assert "1234" in html.replace(",", "")
    assert client.get("/admin/djinsight/refusalcount/add/").status_code == 403


# Each door counts


async def test_over_a_socket(open_socket: Open, ref: ObjectRef, view_token: str, settings: Any) -> None:
    page = await open_socket()
    await page.ask("garbage")
    await page.ask(b"binary")
    await page.view("forged", view_id())
    await page.view(tokens.mint("view", ref, -1), view_id())
    await page.subscribe("forged")
    settings.DJINSIGHT_ENABLE_TRACKING = False
    await page.view(view_token, view_id())
    settings.DJINSIGHT_ENABLE_TRACKING = True
    settings.DJINSIGHT_RATE_VISITOR = 1
    for n in range(4):
        await page.view(view_token, view_id(n))
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    await page.view(view_token, view_id(9))
    del settings.DJINSIGHT_REDIS_URL
    assert await sync_to_async(in_redis)() == {
        "malformed": 1,
        "binary": 1,
        "token": 2,
        "expired": 1,
        "disabled": 1,
        "rate": 2,
        "unavailable": 1,
    }


@pytest.mark.django_db(transaction=True)
def test_over_http(view_token: str, watch_token: str) -> None:
    client = Client(headers={"user-agent": BROWSER, "origin": "http://testserver"})

    def post(path: str, body: Any, **headers: str) -> None:
        client.post(f"/djinsight/{path}/", json.dumps(body), content_type="application/json", headers=headers)

    view = {"type": "view", "id": view_id(), "token": view_token}
    post("record-view", view)
    post("record-view", view, origin="http://evil.example")
    post("record-view", view, **{"user-agent": ""})
    post("record-view", {})
    post("page-stats", {"tokens": ["forged", view_token, watch_token]})
    post("page-stats", {"tokens": 5})
    assert in_redis() == {"origin": 1, "bot": 1, "id": 1, "token": 1, "scope": 1, "malformed": 1}


async def test_of_a_server_that_ends(transactional_db: None) -> None:
    """Handshakes too; and what was not sent yet when SIGTERM came is sent then."""
    process, host = await sync_to_async(processes.daphne)()
    try:
        for _ in range(3):
            with pytest.raises(InvalidStatus):
                await connect_page(host, origin="http://evil.example")
        page = await connect_page(host)
        for _ in range(20):
            await page.ask("garbage")
        await page.close()
    finally:
        await sync_to_async(process.stop)()
    assert await sync_to_async(in_redis)() == {"origin": 3, "malformed": 20}
