"""Limits of rates over HTTP: in the process, before a request costs Redis anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from djinsight.beacons.buckets import MAX_NAMES, Buckets
from djinsight.counting import refusals
from djinsight.live import answers, hub
from tests.support.asgi_client import FallbackClient
from tests.support.rendered_pages import read_calls
from tests.support.sockets import BROWSER, view_id

pytestmark = pytest.mark.usefixtures("transactional_db")

# The buckets


@pytest.mark.parametrize(("rate", "at_once"), [(1, 2), (2, 4), (50, 100)])
def test_a_bucket(rate: float, at_once: int) -> None:
    buckets = Buckets()
    assert [buckets.take("one", rate, 100.0) for _ in range(at_once + 2)] == [True] * at_once + [False] * 2
    assert buckets.take("other", rate, 100.0)
    assert buckets.take("one", rate, 100.0 + 1.001 / rate)
    assert not buckets.take("one", rate, 100.0 + 1.002 / rate)
    buckets.clear()
    assert buckets.take("one", rate, 100.0)


def test_no_limit() -> None:
    buckets = Buckets()
    assert all(buckets.take("one", None, 100.0) for _ in range(1000))
    assert not buckets._paid


def test_names_are_bounded() -> None:
    """The one that was used longest ago is forgotten; one that asks all the time is not."""
    buckets = Buckets()
    assert buckets.take("flood", 1, 100.0)
    assert buckets.take("flood", 1, 100.0)
    for n in range(2 * MAX_NAMES):
        assert buckets.take(f"{n}", 1, 100.0)
        if n % 1000 == 0:
            buckets.take("flood", 1, 100.0 + n / MAX_NAMES)
    assert len(buckets._paid) == MAX_NAMES
    assert not buckets.take("flood", 1, 100.0)


# Through the door


@pytest.fixture(autouse=True)
def fresh_buckets() -> Iterator[None]:
    yield
    answers.forget()


@pytest.fixture(params=[AsyncClient, FallbackClient], ids=["Django", "before Django"])
def client(request: pytest.FixtureRequest) -> Any:
    return request.param()


async def ask(client: Any, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    given = {"user-agent": BROWSER, "origin": "http://testserver", **headers}
    text = json.dumps(body)
    answer = await client.post(f"/djinsight/{path}/", text, content_type="application/json", headers=given)
    return answer.status_code, json.loads(answer.content)


@pytest.mark.parametrize("limit", ["DJINSIGHT_RATE_STATS", "DJINSIGHT_RATE_STATS_SITE"])
async def test_polling(limit: str, client: Any, watch_token: str, redis_client: redis.Redis, settings: Any) -> None:
    """Past the limit it costs Redis nothing."""
    setattr(settings, limit, 2)
    asked = {"tokens": [watch_token]}
    assert [(await ask(client, "page-stats", asked))[0] for _ in range(4)] == [200] * 4
    await sync_to_async(redis_client.config_resetstat)()
    refused = [await ask(client, "page-stats", asked) for _ in range(20)]
    assert refused.count((429, {"type": "error", "reason": "rate"})) >= 15
    served = sum(status == 200 for status, _ in refused)
    assert await sync_to_async(read_calls)(redis_client) <= served


async def test_polling_of_one_network_takes_nothing_from_others(client: Any, watch_token: str, settings: Any) -> None:
    settings.DJINSIGHT_RATE_STATS, settings.DJINSIGHT_RATE_STATS_SITE = 1, 50
    settings.DJINSIGHT_TRUSTED_PROXIES = ["127.0.0.0/8"]
    asked = {"tokens": [watch_token]}
    flood = [await ask(client, "page-stats", asked, **{"x-forwarded-for": "192.0.2.1"}) for _ in range(60)]
    assert {status for status, _ in flood[5:]} <= {200, 429}
    others = [await ask(client, "page-stats", asked, **{"x-forwarded-for": f"198.51.{n}.1"}) for n in range(10)]
    assert [status for status, _ in others] == [200] * 10


async def test_posting_views_past_the_limit_costs_redis_nothing(
    client: Any, view_token: str, redis_client: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DJINSIGHT_RATE_ADDRESS = 1
    monkeypatch.setattr(refusals, "FLUSH_EVERY", 3600.0)
    sent = [{"type": "view", "id": view_id(n), "token": view_token} for n in range(12)]
    got = [await ask(client, "record-view", view) for view in sent[:2]]
    assert [status for status, _ in got] == [200, 200]
    await hub.get().settle()  # the counters of the object are loaded
    await sync_to_async(redis_client.config_resetstat)()
    refused = [await ask(client, "record-view", view) for view in sent[2:]]
    assert (429, {"type": "rejected", "id": view_id(2), "reason": "rate"}) in refused
    assert await sync_to_async(read_calls)(redis_client) <= sum(status == 200 for status, _ in refused)


async def test_one_limit_for_both_ways(watch_token: str, settings: Any) -> None:
    """A client gets no more numbers if some of its requests reach Django, and others are answered before it."""
    settings.DJINSIGHT_RATE_STATS = 1
    asked = {"tokens": [watch_token]}
    ways = [AsyncClient(), FallbackClient()] * 10
    statuses = [(await ask(way, "page-stats", asked))[0] for way in ways]
    assert statuses[:2] == [200, 200]
    assert statuses.count(429) >= 15
