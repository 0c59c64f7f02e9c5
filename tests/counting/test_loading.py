"""Counters: loaded from the database and the stream where Redis does not have them, whatever happens meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.db import connection

from djinsight import days
from djinsight.counting import baseline, live_numbers, loading, sites
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count, count_views, view


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(3)]


def total(ref: ObjectRef) -> int:
    return live_numbers.read([ref])[ref].total_views


def test_loading_while_views_come_in(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """The counters are thrown away again and again, loaded by three threads, and persisted, while 300 views count."""
    ref = refs[0]

    def throw_away(_: int) -> None:
        try:
            for _ in range(30):
                redis_client.delete(f"djinsight:counter:{ref}")
                loading.load([ref])
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


@pytest.mark.parametrize(("objects", "scripts"), [(1, 1), (250, 1), (251, 2)])
def test_cold_ones_are_loaded_together(
    objects: int, scripts: int, transactional_db: None, redis_client: redis.Redis
) -> None:
    """The script sums the stream each time: once for each object would hold Redis up."""
    cold = [ObjectRef("blog", "article", str(n)) for n in range(objects)]
    count(view(ref) for ref in cold)
    sites.check_database(0)  # once for each process
    redis_client.config_resetstat()
    assert {snapshot.total_views for snapshot in loading.load(cold).values()} == {1}
    stats = redis_client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == scripts


def test_many_cold_ones_take_few_calls(transactional_db: None, redis_client: redis.Redis) -> None:
    """While a script runs, all other callers of Redis wait for it, and a call in it takes longer than its command."""
    cold = [ObjectRef("blog", "article", str(n)) for n in range(50)]
    count(view(ref) for ref in cold[:10])
    redis_client.delete(
        "djinsight:none", *(name for ref in cold for name in redis_client.scan_iter(f"djinsight:*{ref}"))
    )
    sites.check_database(0)
    redis_client.config_resetstat()
    found = live_numbers.read(cold)
    assert [found[ref].total_views for ref in cold] == [1] * 10 + [0] * 40
    assert redis_client.info("commandstats")["cmdstat_mget"]["calls"] == 1


def test_objects_without_totals_need_no_query_of_days(refs: list[ObjectRef], django_assert_num_queries: Any) -> None:
    moment = days.now()
    baseline.read(0, refs, moment)  # fills the caches
    with django_assert_num_queries(3):  # the cursor, the totals, and the cursor again
        assert baseline.read(0, refs, moment).totals[refs[0]].views_today == 0
    count_views(refs[0], 2)
    persist()
    with django_assert_num_queries(4):
        assert baseline.read(0, refs, moment).totals[refs[0]].views_today == 2


def test_deleted_keys_of_an_object(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 1)
    live_numbers.read(refs)
    loading.forget([refs[0]])
    assert not list(redis_client.scan_iter(f"djinsight:*{refs[0]}"))
    assert list(redis_client.scan_iter(f"djinsight:*{refs[1]}"))


GARBAGE: dict[str, dict[str, Any]] = {
    "no time": {"s": 1, "u": 1},
    "a text for a time": {"s": 1, "u": 1, "t": "noon"},
    "a text for a sum": {"s": 1, "n": "many", "q": 1, "t": 5},
    "no numbers": {"d": "x"},
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_in_the_stream_counts_nothing(
    garbage: dict[str, Any], refs: list[ObjectRef], redis_client: redis.Redis
) -> None:
    redis_client.xadd("djinsight:events", {**garbage, "r": str(refs[0])})
    count_views(refs[0], 2)
    assert total(refs[0]) == 2


def test_redis_loses_its_data_while_it_is_read(
    refs: list[ObjectRef], redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pending views of a data set that is gone are not added to the one that follows."""
    count_views(refs[0], 2)
    persist()
    count_views(refs[0], 3)
    read_database = baseline.read

    def interrupted(*args: Any) -> Any:
        read = read_database(*args)
        monkeypatch.undo()
        redis_client.flushall()
        count_views(refs[0], 1)
        return read

    monkeypatch.setattr(baseline, "read", interrupted)
    redis_client.delete(f"djinsight:viewed:{refs[0]}")
    assert total(refs[0]) == 3
    persist()
    assert total(refs[0]) == PageViewStatistics.objects.get().total_views == 3
