"""Totals: persisted plus pending, at every moment, whatever happened to Redis."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import close_old_connections, connection

from djinsight import days
from djinsight.counting import baseline, breakers, connections, live_numbers, loading
from djinsight.counting.keys import shard_of
from djinsight.exceptions import CountingUnavailable
from djinsight.history import baseline as history_baseline
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PersistCursor
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count, count_views, view


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(3)]


def total(ref: ObjectRef) -> int:
    return live_numbers.read([ref])[ref].total_views


def today(ref: ObjectRef) -> int:
    return live_numbers.read([ref])[ref].views_today


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
                live_numbers.read(refs)
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


def test_a_flush_continues_from_the_database(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 4, visitors=2)
    persist()
    redis_client.flushall()
    snapshot = live_numbers.read(refs)[refs[0]]
    assert (snapshot.total_views, snapshot.unique_views, snapshot.views_today) == (4, 2, 4)
    assert snapshot.first_viewed_ms is not None
    assert live_numbers.read(refs)[refs[1]].last_viewed_ms is None


def test_versions_grow_across_a_flush(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    versions = []
    for _ in range(3):
        count_views(refs[0], 1)
        versions.append(live_numbers.read(refs)[refs[0]].version)
        persist()
        redis_client.flushall()
        versions.append(live_numbers.read(refs)[refs[0]].version)
    assert versions == sorted(versions)
    assert len(set(versions)) == 3


@pytest.mark.parametrize("kind", ["counter", "unique_counter", "day", "viewed"])
@pytest.mark.parametrize("value", ["a list", "not a number"])
def test_a_planted_key_of_another_type(kind: str, value: str, refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 3)
    live_numbers.read(refs)
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


def test_nothing_is_kept_for_good_of_what_has_no_views(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """Such as a deleted object that an open page still shows. The first view makes it last."""

    def lifetimes() -> set[bool]:
        names = ("counter", "unique_counter", "viewed")
        return {redis_client.ttl(f"djinsight:{name}:{refs[0]}") > 0 for name in names}

    assert total(refs[0]) == 0
    assert lifetimes() == {True}
    count_views(refs[0], 1)
    assert lifetimes() == {False}
    assert total(refs[0]) == 1
    redis_client.delete(*redis_client.keys("djinsight:*counter:*"), f"djinsight:viewed:{refs[0]}")
    assert total(refs[0]) == 1
    assert lifetimes() == {False}


def test_redis_down_shows_what_is_persisted(refs: list[ObjectRef], settings: Any) -> None:
    count_views(refs[0], 3)
    persist()
    count_views(refs[0], 2)
    url, settings.DJINSIGHT_REDIS_URL = settings.DJINSIGHT_REDIS_URL, "redis://127.0.0.1:1/0"
    assert total(refs[0]) == 3
    assert total(refs[1]) == 0
    settings.DJINSIGHT_REDIS_URL = url
    assert total(refs[0]) == 5  # at once: what was learnt of one server is not held against another


def test_warm_numbers_stay_where_a_cold_one_cannot_be_loaded(refs: list[ObjectRef]) -> None:
    """The database is one from before what Redis knows to be persisted: nothing can be loaded from it."""
    count_views(refs[0], 3)
    persist()
    count_views(refs[0], 2)
    assert total(refs[0]) == 5
    PersistCursor.objects.update(last_id="0-0", last_seq=0)
    with pytest.raises(CountingUnavailable):
        loading.load([refs[1]])
    assert [each.total_views for each in live_numbers.read(refs).values()] == [5, 0, 0]


def test_neither_redis_nor_the_database(refs: list[ObjectRef], settings: Any) -> None:
    """No page breaks because of a number that neither Redis nor the database gives."""

    def fail(shard: int, refs: Any, moment: days.Moment) -> baseline.Persistence:
        raise CountingUnavailable("the database does not answer")

    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    baseline.use(fail, close_old_connections, history_baseline.identify)
    try:
        assert total(refs[0]) == 0
    finally:
        baseline.use(history_baseline.load, close_old_connections, history_baseline.identify)


def test_redis_down_is_asked_once(refs: list[ObjectRef], settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A page of many numbers waits for Redis once, not for each."""
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    for ref in refs * 5:
        total(ref)
    assert len([record for record in caplog.records if "Redis does not answer" in record.message]) == 1


@pytest.fixture
def apart(transactional_db: None, settings: Any) -> list[ObjectRef]:
    """An object on a server that answers, viewed seven times, and one on a server that does not."""
    settings.DJINSIGHT_REDIS_SHARDS = 2
    settings.DJINSIGHT_REDIS_URL = [settings.DJINSIGHT_REDIS_URL, "redis://127.0.0.1:1/0"]
    found: dict[int, ObjectRef] = {}
    while len(found) < 2:
        ref = ObjectRef.of(Article.objects.create(title="x"))
        found.setdefault(shard_of(ref), ref)
    count_views(found[0], 7)
    return [found[0], found[1]]


def test_one_server_of_several_is_down(apart: list[ObjectRef]) -> None:
    up, down = apart
    assert [each.total_views for each in live_numbers.read([down, up]).values()] == [0, 7]
    assert total(up) == 7  # that the other one is not asked again changes nothing


async def test_one_server_of_several_is_down_on_the_socket_path(apart: list[ObjectRef]) -> None:
    up, down = apart
    assert {ref: each.total_views for ref, each in (await live_numbers.aread([down, up])).items()} == {up: 7}
    with pytest.raises(CountingUnavailable):
        await live_numbers.aread([down])
    await connections.aclose()


async def test_more_readers_at_once_than_connections(redis_client: redis.Redis, transactional_db: None) -> None:
    """Readers wait for a free connection, and none is told that Redis does not answer."""
    ref = ObjectRef("blog", "article", "1")
    await live_numbers.aread([ref])
    answers = await asyncio.gather(*(live_numbers.aread([ref]) for _ in range(5 * connections.POOL)))
    assert [answer[ref].total_views for answer in answers] == [0] * 5 * connections.POOL
    assert redis_client.info("clients")["connected_clients"] <= connections.POOL + 10
    await connections.aclose()


def test_many_at_once_are_one_round_trip(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count(view(ref) for ref in refs)
    live_numbers.read(refs)
    redis_client.config_resetstat()
    assert [live_numbers.read(refs)[ref].total_views for ref in refs] == [1, 1, 1]
    calls = {name: stats["calls"] for name, stats in redis_client.info("commandstats").items()}
    assert calls.get("cmdstat_evalsha") == 3


def test_a_model_that_is_not_installed(transactional_db: None) -> None:
    ContentType.objects.clear_cache()
    assert total(ObjectRef("gone", "thing", "5")) == 0
    breakers.forget()


@pytest.mark.parametrize("reader", ["the next view", "a page"])
def test_an_evicted_day(reader: str, refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """A day's counter that Redis dropped is loaded again; it does not begin at zero in the middle of the day."""
    count_views(refs[0], 3)
    persist()
    live_numbers.read(refs)
    count_views(refs[0], 2)
    redis_client.delete(*redis_client.scan_iter(f"djinsight:day:*:{refs[0]}"))
    if reader == "the next view":
        count_views(refs[0], 1)
    expected = 6 if reader == "the next view" else 5
    assert today(refs[0]) == expected


def test_a_day_ends(refs: list[ObjectRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's views begin at zero with the day, also where the object is loaded around midnight."""
    evening = datetime(2026, 3, 28, 22, 59, tzinfo=UTC)  # the night in which Prague's clocks change follows
    at = {"now": evening}
    monkeypatch.setattr(days, "now", lambda: days.at(int(at["now"].timestamp() * 1000)))
    count_views(refs[0], 3)
    assert today(refs[0]) == 3
    at["now"] += timedelta(minutes=2)
    assert today(refs[0]) == 0
    count_views(refs[0], 1)
    count_views(refs[1], 2)  # of a process that is a day ahead of the one that loads
    at["now"] -= timedelta(minutes=2)
    assert [today(ref) for ref in refs[:2]] == [3, 0]
    at["now"] += timedelta(minutes=2)
    count_views(refs[1], 1)
    assert [today(ref) for ref in refs[:2]] == [1, 3]
    assert [total(ref) for ref in refs] == [4, 3, 0]
    at["now"] += timedelta(hours=22, minutes=58)  # the day has 23 hours
    assert [today(ref) for ref in refs[:2]] == [1, 3]
    at["now"] += timedelta(minutes=3)
    assert [today(ref) for ref in refs[:2]] == [0, 0]


def test_the_database_is_gone(refs: list[ObjectRef]) -> None:
    """A typed refusal on the socket path, and numbers that Redis has need no database."""
    count_views(refs[0], 2)
    live_numbers.read(refs[:1])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE djinsight_persistcursor RENAME TO taken_away")
    try:
        assert total(refs[0]) == 2
        with pytest.raises(CountingUnavailable):
            loading.load(refs[1:2])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE taken_away RENAME TO djinsight_persistcursor")
    assert total(refs[1]) == 0
