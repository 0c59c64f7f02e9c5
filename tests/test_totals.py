"""Totals: persisted plus pending, at every moment, whatever happened to Redis."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from djinsight.beacons.refs import ObjectRef
from djinsight.counting import connections, totals
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics
from tests.blog.models import Article
from tests.counting import count, count_views, view


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(3)]


def total(ref: ObjectRef) -> int:
    return totals.read([ref])[ref].total_views


@pytest.mark.parametrize("seed", range(12))
def test_live_is_persisted_plus_pending(seed: int, refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """A random walk over everything that can happen, checked against plain arithmetic at every step."""
    dice = random.Random(seed)
    written, pending = dict.fromkeys(refs, 0), dict.fromkeys(refs, 0)
    for _ in range(60):
        ref = dice.choice(refs)
        match dice.choice(("view", "view", "view", "persist", "read", "evict", "lose", "hide")):
            case "view":
                n = dice.randint(1, 5)
                count_views(ref, n, visitors=n)
                pending[ref] += n
            case "persist":
                persist()
                written = {ref: written[ref] + pending[ref] for ref in refs}
                pending = dict.fromkeys(refs, 0)
            case "read":
                totals.read(refs)
            case "evict":
                kind = dice.choice(("counter", "unique_counter", "viewed"))
                redis_client.delete(f"djinsight:{kind}:{ref}")
            case "hide":
                redis_client.delete("djinsight:viewed:" + str(ref), "djinsight:counter:" + str(ref))
            case "lose":
                redis_client.flushall()
                pending = dict.fromkeys(refs, 0)
        if dice.random() < 0.5:
            assert {ref: total(ref) for ref in refs} == {ref: written[ref] + pending[ref] for ref in refs}
    assert {ref: total(ref) for ref in refs} == {ref: written[ref] + pending[ref] for ref in refs}


def test_loading_while_views_come_in(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """The counters are thrown away again and again, loaded by three threads, and persisted, while 300 views count."""
    ref = refs[0]

    def throw_away(_: int) -> None:
        try:
            for _ in range(30):
                redis_client.delete(f"djinsight:counter:{ref}")
                totals.load([ref])
        finally:
            connection.close()

    def write(_: int) -> None:
        try:
            for _ in range(10):
                persist()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(throw_away, n) for n in range(3)] + [pool.submit(write, 0)]
        for done in [pool.submit(count_views, ref, 150) for _ in range(2)]:
            done.result()
        for done in others:
            done.result()

    assert total(ref) == 300
    redis_client.delete(f"djinsight:counter:{ref}")
    assert total(ref) == 300
    persist()
    assert PageViewStatistics.objects.get().total_views == 300


def test_a_flush_continues_from_the_database(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 4, visitors=2)
    persist()
    redis_client.flushall()
    snapshot = totals.read(refs)[refs[0]]
    assert (snapshot.total_views, snapshot.unique_views, snapshot.views_today) == (4, 2, 4)
    assert snapshot.first_viewed_ms is not None
    assert totals.read(refs)[refs[1]].last_viewed_ms is None


def test_versions_grow_across_a_flush(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    versions = []
    for _ in range(3):
        count_views(refs[0], 1)
        versions.append(totals.read(refs)[refs[0]].version)
        persist()
        redis_client.flushall()
        versions.append(totals.read(refs)[refs[0]].version)
    assert versions == sorted(versions)
    assert len(set(versions)) == 3


@pytest.mark.parametrize("kind", ["counter", "unique_counter", "day", "viewed"])
@pytest.mark.parametrize("value", ["a list", "not a number"])
def test_a_planted_key_of_another_type(kind: str, value: str, refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 3)
    totals.read(refs)
    key = next(redis_client.scan_iter(f"djinsight:{kind}:*"))
    redis_client.delete(key)
    if value == "a list":
        redis_client.lpush(key, "planted")
    else:
        redis_client.set(key, value)
    count_views(refs[0], 2)
    assert total(refs[0]) == 5
    persist()
    assert PageViewStatistics.objects.get().total_views == 5
    assert total(refs[0]) == 5


def test_redis_down_shows_what_is_persisted(refs: list[ObjectRef], settings: Any) -> None:
    count_views(refs[0], 3)
    persist()
    count_views(refs[0], 2)
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert total(refs[0]) == 3
    assert total(refs[1]) == 0


def test_redis_down_is_asked_once(refs: list[ObjectRef], settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A page of many numbers waits for Redis once, not for each."""
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    for ref in refs * 5:
        total(ref)
    assert len([record for record in caplog.records if "Redis does not answer" in record.message]) == 1


def test_many_at_once_are_one_round_trip(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count(view(ref) for ref in refs)
    totals.read(refs)
    redis_client.config_resetstat()
    assert [totals.read(refs)[ref].total_views for ref in refs] == [1, 1, 1]
    calls = {name: stats["calls"] for name, stats in redis_client.info("commandstats").items()}
    assert calls.get("cmdstat_evalsha") == 3


@pytest.mark.parametrize(("objects", "scripts"), [(1, 1), (500, 1), (501, 2)])
def test_cold_ones_are_loaded_together(
    objects: int, scripts: int, transactional_db: None, redis_client: redis.Redis
) -> None:
    """The script walks the stream each time: once for each object would hold Redis up."""
    cold = [ObjectRef("blog", "article", str(n)) for n in range(objects)]
    count(view(ref) for ref in cold)
    redis_client.config_resetstat()
    assert {snapshot.total_views for snapshot in totals.load(cold).values()} == {1}
    stats = redis_client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == scripts


def test_deleted_keys_of_an_object(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 1)
    totals.read(refs)
    totals.forget([refs[0]])
    assert not list(redis_client.scan_iter(f"djinsight:*{refs[0]}"))
    assert list(redis_client.scan_iter(f"djinsight:*{refs[1]}"))


def test_a_model_that_is_not_installed(transactional_db: None) -> None:
    ContentType.objects.clear_cache()
    assert total(ObjectRef("gone", "thing", "5")) == 0
    connections.close_sync()
