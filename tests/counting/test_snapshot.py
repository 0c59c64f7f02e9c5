"""Snapshots: the order of versions, the shape on the wire, and reading them from Redis."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
import redis

from djinsight import days
from djinsight.counting import connections, snapshot
from djinsight.counting.keys import Keys
from djinsight.counting.snapshot import Snapshot
from djinsight.tracked.refs import ObjectRef

REF = ObjectRef("blog", "article", "5")
TODAY = 20_513


def of(total: int, day: int = TODAY, **more: Any) -> Snapshot:
    values = {"unique_views": 1, "views_today": 1, "first_viewed_ms": 0, "last_viewed_ms": 0, **more}
    return Snapshot(REF, total, day=day, **values)


# Versions


def test_a_version_grows() -> None:
    """With every view, and at midnight: a snapshot of before never replaces one of after."""
    order = [of(0, 0), of(0), of(0, TODAY + 1), of(1, TODAY + 1), of(2, TODAY), of(2, TODAY + 1), of(10**9, 0)]
    assert all(before.version < after.version for before, after in pairwise(order))


def test_a_version_does_not_depend_on_redis() -> None:
    """It goes on growing after Redis has lost its data: nothing but the numbers makes it."""
    assert of(5).version == of(5, unique_views=3, views_today=2, last_viewed_ms=99).version


@pytest.mark.parametrize("total", [0, 1, 10**6, 9 * 10**10])
def test_a_version_is_exact_in_javascript(total: int) -> None:
    assert of(total, 99_999).version < 2**53


# On the wire


@pytest.mark.parametrize(
    ("each", "counter"),
    [
        pytest.param(
            Snapshot(REF, 12, 7, 3, 1_772_319_600_000, 1_772_319_600_123, TODAY),
            {
                "ref": "blog.article:5",
                "total_views": 12,
                "unique_views": 7,
                "views_today": 3,
                "first_viewed_at": "2026-02-28T23:00:00.000+00:00",
                "last_viewed_at": "2026-02-28T23:00:00.123+00:00",
                "day": 20_513,
                "version": 1_220_513,
            },
            id="viewed",
        ),
        pytest.param(
            Snapshot(REF, 0, 0, 0, None, None, TODAY),
            {
                "ref": "blog.article:5",
                "total_views": 0,
                "unique_views": 0,
                "views_today": 0,
                "first_viewed_at": None,
                "last_viewed_at": None,
                "day": TODAY,
                "version": TODAY,
            },
            id="never viewed",
        ),
        pytest.param(
            Snapshot(REF, 1, 1, 1, 0, 0, 0),
            {
                "ref": "blog.article:5",
                "total_views": 1,
                "unique_views": 1,
                "views_today": 1,
                "first_viewed_at": "1970-01-01T00:00:00.000+00:00",
                "last_viewed_at": "1970-01-01T00:00:00.000+00:00",
                "day": 0,
                "version": 100_000,
            },
            id="viewed at the very first moment",
        ),
    ],
)
def test_counter(each: Snapshot, counter: dict[str, Any]) -> None:
    assert each.as_counter() == counter
    assert json.loads(json.dumps(each.as_counter())) == counter


# A script's reply


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"", None),
        (None, None),
        ([12, 7, 3, 1772319600000, 1772319600123], Snapshot(REF, 12, 7, 3, 1772319600000, 1772319600123, TODAY)),
        ([0, 0, 0, None, None], Snapshot(REF, 0, 0, 0, None, None, TODAY)),
        ([1, 1, 0, 0, 0], Snapshot(REF, 1, 1, 0, 0, 0, TODAY)),
    ],
    ids=["not loaded", "nothing", "viewed", "never viewed", "the first moment"],
)
def test_decode(reply: Any, expected: Snapshot | None) -> None:
    assert snapshot.decode(REF, reply, TODAY) == expected


# From Redis


def store(client: redis.Redis, each: Snapshot, epoch: str = "e1") -> None:
    keys = Keys(0)
    counter, unique_counter, day, viewed = keys.of_ref(each.ref, days.now().stamp)
    client.hset(keys.meta, mapping={"epoch": "e1", "seq": 1})
    client.mset({counter: each.total_views, unique_counter: each.unique_views, day: each.views_today})
    client.hset(viewed, mapping={"epoch": epoch, "first": each.first_viewed_ms, "last": each.last_viewed_ms})


@pytest.fixture
def stored(redis_client: redis.Redis) -> list[Snapshot]:
    today = days.now().number
    made = [Snapshot(ObjectRef("blog", "term", f"é {n}"), n * 10, n, 1, n, n + 1, today) for n in range(1, 4)]
    for each in made:
        store(redis_client, each)
    return made


def test_read(stored: list[Snapshot]) -> None:
    assert snapshot.read([each.ref for each in stored]) == {each.ref: each for each in stored}


async def test_read_on_the_socket_path(stored: list[Snapshot]) -> None:
    assert await snapshot.aread([each.ref for each in stored]) == {each.ref: each for each in stored}
    await connections.aclose()


def test_read_what_is_not_there(stored: list[Snapshot]) -> None:
    assert snapshot.read([REF, stored[0].ref]) == {REF: None, stored[0].ref: stored[0]}


def test_read_nothing(redis_client: redis.Redis) -> None:
    assert snapshot.read([]) == {}


def test_read_one_twice(stored: list[Snapshot]) -> None:
    assert snapshot.read([stored[0].ref, stored[0].ref]) == {stored[0].ref: stored[0]}


@pytest.mark.parametrize("lost", ["counter", "unique_counter", "viewed"])
def test_what_is_there_in_part_is_not_there(lost: str, stored: list[Snapshot], redis_client: redis.Redis) -> None:
    redis_client.delete(getattr(Keys(0).of_ref(stored[0].ref, days.now().stamp), lost))
    assert snapshot.read([stored[0].ref]) == {stored[0].ref: None}


def test_no_views_today(stored: list[Snapshot], redis_client: redis.Redis) -> None:
    redis_client.delete(Keys(0).of_ref(stored[0].ref, days.now().stamp).day)
    read = snapshot.read([stored[0].ref])[stored[0].ref]
    assert read is not None
    assert (read.total_views, read.views_today) == (stored[0].total_views, 0)


def test_what_belongs_to_lost_data_is_not_there(stored: list[Snapshot], redis_client: redis.Redis) -> None:
    store(redis_client, stored[0], epoch="e0")
    assert snapshot.read([stored[0].ref]) == {stored[0].ref: None}


def test_read_over_shards(redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 4
    refs = [ObjectRef("blog", "article", str(n)) for n in range(20)]
    assert snapshot.read(refs) == dict.fromkeys(refs)


def test_many_in_one_round_trip(stored: list[Snapshot], redis_client: redis.Redis) -> None:
    refs = [ObjectRef("blog", "article", str(n)) for n in range(500)]
    snapshot.read(refs)
    redis_client.config_resetstat()
    snapshot.read(refs)
    calls = {name: each["calls"] for name, each in redis_client.info("commandstats").items()}
    assert {name: n for name, n in calls.items() if name.startswith("cmdstat_eval")} == {"cmdstat_evalsha": 1}
