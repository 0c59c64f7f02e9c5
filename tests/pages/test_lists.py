"""Lists: all tags of a page with many objects take one round trip to Redis and one database query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core.paginator import Paginator
from django.db import connection
from django.template import Context, engines
from django.test.utils import CaptureQueriesContext

from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment
from tests.support.counted_views import count_views
from tests.support.rendered_pages import html, read_calls, render, request, viewed

pytestmark = pytest.mark.django_db

SIX = """{% for article in articles %}
  {% total_views_stat obj=article %}{% unique_views_stat obj=article %}{% views_today_stat obj=article %}
  {% views_week_stat obj=article %}{% last_viewed_stat obj=article %}{% live_stats_counter obj=article %}
{% endfor %}"""
CHARTS = "{% for article in articles %}{% page_analytics_widget obj=article period='month' %}{% endfor %}"


@pytest.fixture
def fifty() -> list[Article]:
    """Return fifty articles with 1 to 50 views, whose counters are in Redis."""
    articles = Article.objects.bulk_create([Article(title=str(n)) for n in range(50)])
    for n, article in enumerate(articles):
        viewed(article, n + 1, 1)
    live_numbers.read(map(ObjectRef.of, articles))
    render(SIX, request(), articles=articles[:1])  # from here on scripts and content types are cached
    return articles


def page_of(articles: Any) -> Any:
    page = Paginator(articles, 60).page(1)
    list(page)
    return page


COLLECTIONS: dict[str, Callable[[list[Article]], Any]] = {
    "a list": lambda articles: articles,
    "a tuple": tuple,
    "a queryset": lambda articles: Article.objects.order_by("pk"),
    "a page of a list": page_of,
    "a page of a queryset": lambda articles: page_of(Article.objects.order_by("pk")),
}


def asked(client: redis.Redis, source: str, **context: Any) -> tuple[int, int, Any]:
    """Return the round trips to Redis, the queries of the package's tables, and the page."""
    client.config_resetstat()
    with CaptureQueriesContext(connection) as captured:
        page = render(source, request(), **context)
    return read_calls(client), sum("djinsight_" in query["sql"] for query in captured), page


@pytest.mark.parametrize("collect", COLLECTIONS.values(), ids=COLLECTIONS)
def test_fifty_objects_with_six_tags_each(
    collect: Callable[[Any], Any], fifty: list[Article], redis_client: redis.Redis
) -> None:
    round_trips, queries, page = asked(redis_client, SIX, articles=collect(fifty))
    assert (round_trips, queries) == (1, 1)
    assert len(page.having("data-djinsight-stat")) == 350
    assert len(page.refs) == 50
    assert page.texts == {
        "total_views": "50",
        "unique_views": "1",
        "views_today": "0",
        "views_week": "0",
        "last_viewed_at": "never",
    }


def test_no_query_without_periods(fifty: list[Article], redis_client: redis.Redis) -> None:
    source = "{% live_stats_counter obj=article %}{% views_today_stat obj=article %}{% last_viewed_stat obj=article %}"
    source = f"{{% for article in articles %}}{source}{{% endfor %}}"
    assert asked(redis_client, source, articles=fifty)[:2] == (1, 0)


def test_charts_are_one_query_more(fifty: list[Article], redis_client: redis.Redis) -> None:
    round_trips, queries, page = asked(redis_client, CHARTS + SIX, articles=fifty)
    assert (round_trips, queries) == (1, 2)
    assert len([1 for tag, _, _ in page.found if tag == "table"]) == 50


def test_numbers_belong_to_their_objects(fifty: list[Article]) -> None:
    """This holds also for numbers that are filled into a template that was precompiled with another object."""
    count_views(ObjectRef.of(fifty[7]), 4, visitors=3)
    persist()
    page = render(SIX, request(), articles=fifty)
    numbers: dict[str, set[str]] = {}
    for _, attributes, text in page.found:
        if attributes.get("data-djinsight-stat") == "total_views":
            numbers.setdefault(str(attributes["data-djinsight-ref"]), set()).add(text.strip())
    assert numbers == {
        str(ObjectRef.of(article)): {str(n + 1 + (4 if n == 7 else 0))} for n, article in enumerate(fifty)
    }
    assert len(page.having("datetime")) == 1  # according to the tables, 49 were never viewed


# Reading by hand

BY_HAND = (
    "{% load_view_stats stories %}{% for story in stories %}{% include card with article=story only %}{% endfor %}"
)


@pytest.mark.parametrize("collect", COLLECTIONS.values(), ids=COLLECTIONS)
def test_read_by_hand(collect: Callable[[Any], Any], fifty: list[Article], redis_client: redis.Redis) -> None:
    """``load_view_stats`` serves cards that are rendered one by one, whose tags cannot find the neighbours."""
    card = engines["django"].from_string(
        "{% load djinsight_tags %}{% total_views_stat %}{% views_month_stat %}{% live_stats_counter %}"
    )
    round_trips, queries, page = asked(redis_client, BY_HAND, stories=collect(fifty), card=card.template)
    assert len(page.refs) == 50
    assert (round_trips, queries) == (1, 1)


@pytest.mark.parametrize(
    "objects", [None, [], [None, "x", 5, Comment(pk=1), Article()]], ids=["None", "none", "others"]
)
def test_nothing_to_read_by_hand(objects: Any, redis_client: redis.Redis) -> None:
    redis_client.config_resetstat()
    assert html("{% load_view_stats objects %}", request(), objects=objects) == ""
    assert read_calls(redis_client) == 0


def test_nothing_is_read_for_who_may_not_see_it(fifty: list[Article], settings: Any, redis_client: redis.Redis) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    assert asked(redis_client, "{% load_view_stats articles %}" + SIX, articles=fifty)[:2] == (0, 0)


def test_more_than_are_read_together(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djinsight.pages.page.MAX_TOGETHER", 20)
    articles = Article.objects.bulk_create([Article(title=str(n)) for n in range(50)])
    live_numbers.read(map(ObjectRef.of, articles))
    source = "{% load_view_stats articles %}{% for article in articles %}{% total_views_stat obj=article %}{% endfor %}"
    assert asked(redis_client, source, articles=articles)[:2] == (3, 0)


# Fragments


def test_fragments(fifty: list[Article], redis_client: redis.Redis) -> None:
    """Cards in ``{% cache %}`` are read together when they are rendered, and not at all from the cache."""
    source = (
        "{% load cache %}{% djinsight_script %}{% for article in articles %}"
        "{% cache 60 card article.pk %}{% total_views_stat %}{% views_week_stat %}{% endcache %}{% endfor %}"
    )
    first = asked(redis_client, source, articles=fifty)
    again = asked(redis_client, source, articles=fifty)
    assert (first[:2], again[:2]) == ((1, 1), (0, 0))
    for _, _, page in (first, again):
        assert len(page.refs) == 50
        assert len(page.scripts) == 1


def test_one_page_for_what_it_includes_without_a_request(fifty: list[Article], redis_client: redis.Redis) -> None:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    card = engine.from_string("{% load djinsight_tags %}{% total_views_stat %}")
    page = engine.from_string("{% for article in articles %}{% include card %}{% endfor %}")
    redis_client.config_resetstat()
    text = page.render(Context({"articles": fifty, "card": card}))
    assert read_calls(redis_client) == 1
    assert text.count("<script") == 1


# Without Redis or the database


def test_fifty_objects_that_redis_does_not_know(redis_client: redis.Redis) -> None:
    for n, article in enumerate(Article.objects.bulk_create([Article(title=str(n)) for n in range(50)])):
        viewed(article, n + 1, 1)
    with CaptureQueriesContext(connection) as captured:
        page = render(SIX, request(), articles=Article.objects.order_by("pk"))
    assert page.texts["total_views"] == "50"
    # One query is for the counters, one for the periods.
    assert sum('FROM "djinsight_pageviewstatistics"' in query["sql"] for query in captured) == 2


def test_fifty_objects_with_redis_down(fifty: list[Article], settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    with CaptureQueriesContext(connection) as captured:
        page = render(SIX, request(), articles=Article.objects.order_by("pk"))
    assert page.texts["total_views"] == "50"
    assert sum('FROM "djinsight_pageviewstatistics"' in query["sql"] for query in captured) == 2
