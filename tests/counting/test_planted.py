"""Planted values: another program writes any value into our keys, and no page breaks and no view is lost."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.template import engines

from djinsight.counting import live_numbers, loading
from djinsight.history import stream
from djinsight.history.persist import persist
from djinsight.models import DeadLetter, PageViewLog, PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views

TAGS = (
    "{% load djinsight_tags %}{% page_view_tracker obj=article %}{% page_stats_display obj=article %}"
    "{% page_analytics_widget obj=article %}{% first_viewed_stat obj=article %}{% last_viewed_stat obj=article %}"
    "{% views_week_stat obj=article %}"
)
IMPOSSIBLE = [
    "-1",
    "253402300800000",  # the first ms after the year 9999
    "8796093022208",  # the first one that persist refuses
    "99999999999999999999",
    "1e300",
    "nan",
    "-inf",
    "noon",
    "",
    "1.5",
]
NUMBERS = [*IMPOSSIBLE, "9007199254740993", "9223372036854775807", "9223372036854775808"]
STATES = ["-1", "8796093022208", "99999999999999999999", "nan", "noon", ""]


@pytest.fixture
def article(transactional_db: None) -> Article:
    return Article.objects.create(title="A page")


def shows(client: Any, article: Article) -> int:
    """Render every tag, and read the numbers as HTTP and the socket do; the total."""
    html = engines["django"].from_string(TAGS).render({"article": article})
    assert "djinsight" in html
    ref = ObjectRef.of(article)
    snapshot = live_numbers.read([ref])[ref]
    counter = snapshot.as_counter()
    for name in ("total_views", "unique_views", "views_today"):
        assert 0 <= counter[name] <= 2**53
    fresh = Article.objects.get(pk=article.pk)
    assert fresh.first_viewed_at is None or fresh.first_viewed_at.year < 2300
    assert fresh.last_viewed_at is None or fresh.last_viewed_at.year < 2300
    return int(snapshot.total_views)


@pytest.mark.parametrize("field", ["first", "last", "day"])
@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_times(field: str, value: str, article: Article, client: Any, redis_client: redis.Redis) -> None:
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    live_numbers.read([ref])
    redis_client.hset(f"djinsight:viewed:{ref}", field, value)
    assert shows(client, article) == 2
    count_views(ref, 1)
    assert shows(client, article) == 3
    assert persist().views == 3
    assert shows(client, article) == 3
    assert PageViewStatistics.objects.get().total_views == PageViewLog.objects.count() == 3


@pytest.mark.parametrize("kind", ["counter", "unique_counter", "day"])
@pytest.mark.parametrize("value", NUMBERS)
def test_numbers(kind: str, value: str, article: Article, client: Any, redis_client: redis.Redis) -> None:
    """A value that is no number, or none that a browser holds exactly, counts as no counter."""
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    live_numbers.read([ref])
    key = next(redis_client.scan_iter(f"djinsight:{kind}:*{ref}"))
    redis_client.set(key, value)
    shows(client, article)
    count_views(ref, 1)
    assert shows(client, article) >= 3
    assert persist().views == 3
    shows(client, article)
    assert PageViewStatistics.objects.get().total_views == PageViewLog.objects.count() == 3


@pytest.mark.parametrize("kind", ["counter", "unique_counter", "day", "viewed", "events", "meta", "shed", "pending"])
@pytest.mark.parametrize("planted", ["string", "list", "set", "zset", "hash", "stream"])
def test_keys_of_another_type(
    kind: str, planted: str, article: Article, client: Any, redis_client: redis.Redis
) -> None:
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    persist()
    count_views(ref, 1)
    live_numbers.read([ref])
    keys = {
        "viewed": f"djinsight:viewed:{ref}",
        "counter": f"djinsight:counter:{ref}",
        "unique_counter": f"djinsight:unique_counter:{ref}",
        "pending": "djinsight:pending:0",
    }
    key = keys.get(kind) or next(iter(redis_client.scan_iter(f"djinsight:{kind}*")), f"djinsight:{kind}")
    redis_client.delete(key)
    match planted:
        case "string":
            redis_client.set(key, "planted")
        case "list":
            redis_client.rpush(key, "planted")
        case "hash":
            redis_client.hset(key, "planted", "planted")
        case "stream":
            redis_client.xadd(key, {"planted": "planted"})
    shows(client, article)
    count_views(ref, 2)
    shows(client, article)
    persist()
    persist()
    own = kind in {"events", "meta"}  # with them what was pending is gone, and recorded
    assert PageViewStatistics.objects.get().total_views >= (4 if own else 5)
    assert shows(client, article) >= (4 if own else 5)


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_entries(value: str, article: Article, client: Any, redis_client: redis.Redis) -> None:
    """An entry whose time is none is set aside; neither its neighbours nor a page suffer."""
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    [(_, fields), *_] = redis_client.xrange("djinsight:events")
    redis_client.xadd("djinsight:events", {**fields, b"s": b"77", b"t": value})
    redis_client.xadd("djinsight:events", {"s": "78", "r": str(ref), "n": "3", "q": "1", "w": "1", "t": value})
    loading.forget([ref])
    shows(client, article)
    count_views(ref, 1)
    shows(client, article)
    persist()
    assert PageViewStatistics.objects.get().total_views == 3
    assert DeadLetter.objects.count() == 2
    shows(client, article)


@pytest.mark.parametrize("field", ["seq", "trimmed", "shed_from", "epoch"])
@pytest.mark.parametrize("value", STATES)
def test_the_state_of_the_stream(
    field: str, value: str, article: Article, client: Any, redis_client: redis.Redis
) -> None:
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    redis_client.hset("djinsight:meta", field, value)
    shows(client, article)
    count_views(ref, 1)
    shows(client, article)
    persist()
    persist()
    assert PageViewStatistics.objects.get().total_views == PageViewLog.objects.count() == 3
    shows(client, article)
    assert stream.pending() == 0


def test_an_impossible_time_in_the_database(article: Article, client: Any) -> None:
    """A row of before the year 1970, as another program may have written it."""
    ref = ObjectRef.of(article)
    count_views(ref, 1)
    persist()
    PageViewStatistics.objects.update(first_viewed_at="1066-10-14T09:00:00Z", last_viewed_at="9999-12-31T23:59:59Z")
    loading.forget([ref])
    assert shows(client, article) == 1
