"""Peers: numbers of the instances of one query are read together and live, and cost the site's queries little."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection, connections, models
from django.test.utils import CaptureQueriesContext, isolate_apps

from djinsight import days
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import PageViewStatisticsMixin
from djinsight.statistics import peers
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support.counted_views import count_views
from tests.support.rendered_pages import read_calls, render, viewed

pytestmark = pytest.mark.django_db


@pytest.fixture
def hundred() -> list[int]:
    """Return the keys of a hundred articles with 1 to 100 views, whose counters are not in Redis."""
    articles = Article.objects.bulk_create([Article(title=str(n)) for n in range(100)])
    for n, article in enumerate(articles):
        viewed(article, n + 1, 1)
    return [article.pk for article in articles]


@pytest.fixture
def warm(hundred: list[int]) -> list[int]:
    live_numbers.read(ObjectRef("blog", "article", str(pk)) for pk in hundred)
    return hundred


def asked(client: redis.Redis, read: Callable[[], Any]) -> tuple[int, int]:
    """Return the round trips to Redis that read counters, and the queries of the package's tables."""
    client.config_resetstat()
    with CaptureQueriesContext(connection) as captured:
        read()
    return read_calls(client), sum("djinsight_" in query["sql"] for query in captured)


def row(article: Any) -> tuple[Any, ...]:
    return article.total_views, article.unique_views, article.last_viewed_at


# Together


def test_a_list_of_three_columns(warm: list[int], redis_client: redis.Redis) -> None:
    assert asked(redis_client, lambda: [row(each) for each in Article.objects.all()]) == (1, 0)


def test_the_numbers_are_each_ones_own(warm: list[int]) -> None:
    assert [row(each)[:2] for each in Article.objects.order_by("pk")] == [(n + 1, 1) for n in range(100)]


def test_a_list_of_three_columns_that_redis_does_not_know(hundred: list[int], redis_client: redis.Redis) -> None:
    _, queries = asked(redis_client, lambda: [row(each) for each in Article.objects.all()])
    assert queries <= 5


def test_a_list_of_periods(warm: list[int], redis_client: redis.Redis) -> None:
    def read() -> None:
        for each in Article.objects.all():
            assert each.get_views_today() == 0
            assert each.get_views_this_week() == each.get_views_this_month() == 0

    assert asked(redis_client, read) == (1, 1)


def test_a_list_of_the_admin(warm: list[int], redis_client: redis.Redis, admin_client: Any) -> None:
    admin_client.get("/admin/blog/article/")
    calls, _ = asked(redis_client, lambda: admin_client.get("/admin/blog/article/"))
    assert calls == 1


def test_twice_a_row(warm: list[int], redis_client: redis.Redis) -> None:
    """A template reads an attribute twice if it tests the number before it shows it."""

    def read() -> None:
        for each in Article.objects.all():
            assert each.total_views
            assert each.total_views

    assert asked(redis_client, read) == (2, 0)


def test_two_lists_of_the_same_objects(warm: list[int], redis_client: redis.Redis) -> None:
    articles = Article.objects.all()
    assert asked(redis_client, lambda: [[row(each) for each in articles] for _ in range(2)])[0] == 2


LISTS: dict[str, Callable[[], list[Any]]] = {
    "a slice": lambda: list(Article.objects.order_by("pk")[:50]),
    "only": lambda: list(Article.objects.only("title")),
    "select_related": lambda: [each.article for each in Comment.objects.select_related("article")],
    "prefetch_related": lambda: [each.article for each in Comment.objects.prefetch_related("article")],
    "raw": lambda: list(Article.objects.raw("SELECT id, title FROM blog_article")),
    "in_bulk": lambda: list(Article.objects.in_bulk().values()),
    "a union": lambda: list(Article.objects.filter(pk__lt=9).union(Article.objects.filter(pk__gt=9))),
    "a child": lambda: list(News.objects.all()),
    "UUIDs": lambda: list(Product.objects.all()),
    "texts": lambda: list(Term.objects.all()),
    "most_viewed": lambda: Article.most_viewed(50),
}


@pytest.mark.parametrize("made", LISTS.values(), ids=LISTS)
def test_lists(made: Callable[[], list[Any]], warm: list[int], redis_client: redis.Redis) -> None:
    Comment.objects.bulk_create([Comment(article_id=pk, text="x") for pk in warm])
    for n in range(9):
        News.objects.create(title="x", source=str(n))
    Product.objects.bulk_create([Product(name="x") for _ in range(9)])
    Term.objects.bulk_create([Term(word=str(n)) for n in range(9)])
    instances = made()
    live_numbers.read(map(ObjectRef.of, instances))
    assert len(instances) >= 9
    assert asked(redis_client, lambda: [row(each) for each in instances]) == (1, 0)


def test_more_than_are_read_together(warm: list[int], redis_client: redis.Redis, monkeypatch: Any) -> None:
    monkeypatch.setattr(peers, "MAX_TOGETHER", 40)
    assert asked(redis_client, lambda: [row(each) for each in Article.objects.all()]) == (3, 0)


def test_one_by_one(warm: list[int], redis_client: redis.Redis) -> None:
    """An iterator makes each instance when it is needed, so no peers wait to be read; no peer is read twice.

    The first instance has no peers, so each of its attributes is a read.
    """
    kept: list[Any] = []

    def read() -> None:
        for each in Article.objects.iterator():
            row(each)
            kept.append(each)

    redis_client.config_resetstat()
    assert asked(redis_client, read)[0] == 99 + 3


# Live


def test_the_second_time_it_is_the_number_of_now(warm: list[int]) -> None:
    first, second, *_ = Article.objects.order_by("pk")
    assert (first.total_views, second.total_views) == (1, 2)
    for article in (first, second):
        count_views(ObjectRef.of(article), 5)
    assert (first.total_views, second.total_views) == (6, 7)
    persist()
    assert (first.get_views_this_week(), second.get_views_this_month()) == (5, 5)


def test_what_was_read_together_is_not_kept(warm: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = Article.objects.order_by("pk")
    assert first.total_views == 1
    count_views(ObjectRef.of(second), 5)
    now = peers.time.monotonic()
    monkeypatch.setattr(peers.time, "monotonic", lambda: now + peers.FRESH)
    assert second.total_views == 7


def test_polling_one_of_many(warm: list[int], redis_client: redis.Redis) -> None:
    """An instance whose attribute is read again and again is read alone."""
    article, *others = Article.objects.order_by("pk")
    for _ in range(peers.MAX_REPEATS):
        assert article.total_views == 1
    redis_client.flushall()  # the counters that are read from now on are loaded again
    for _ in range(3):
        assert article.total_views == 1
    assert len(list(redis_client.scan_iter("djinsight:counter:*"))) == 1
    assert others


# Costs


def test_instances_are_not_kept_alive(warm: list[int]) -> None:
    articles = list(Article.objects.all())
    row(articles[0])
    kept = weakref.ref(articles[1])
    first = articles[0]
    del articles
    gc.collect()
    assert kept() is None
    assert first.total_views == first.total_views


def test_an_instance_has_no_attribute_of_it(warm: list[int]) -> None:
    article = Article.objects.all()[0]
    row(article)
    assert set(vars(article)) == {"_state", "id", "title"}


@pytest.mark.parametrize(
    "clone",
    [copy.copy, copy.deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies(clone: Callable[[Any], Any], warm: list[int]) -> None:
    articles = list(Article.objects.order_by("pk"))
    row(articles[0])
    one = clone(articles[3])
    assert one.total_views == 4
    assert [each.total_views for each in clone(articles)][:3] == [1, 2, 3]
    assert len(pickle.dumps(articles[3])) < 1000


def test_a_copy_that_is_saved_as_another(warm: list[int]) -> None:
    article = list(Article.objects.order_by("pk"))[3]
    assert article.total_views == 4
    article.pk, article._state.adding = None, True
    assert article.total_views == 0
    article.save()
    assert article.total_views == 0


def test_a_deleted_one_among_them(warm: list[int]) -> None:
    first, second, *_ = Article.objects.order_by("pk")
    first.delete()
    assert (first.total_views, second.total_views) == (0, 2)


@isolate_apps("tests.blog")
def test_a_model_with_its_own_from_db() -> None:
    made: list[int] = []

    class Own(models.Model, PageViewStatisticsMixin):
        class Meta:
            app_label = "blog"

        @classmethod
        def from_db(cls, db: Any, field_names: Any, values: Any) -> Any:
            made.append(values[0])
            return super().from_db(db, field_names, values)

    class Child(Own):
        class Meta:
            app_label = "blog"

    names = ["id"]
    first, second = (Own.from_db("default", names, [n]) for n in (1, 2))
    assert made == [1, 2]
    assert first._state.djinsight_peers is second._state.djinsight_peers
    assert not first._state.adding
    assert Child.from_db.__func__ is Own.from_db.__func__  # type: ignore[attr-defined]


def test_what_loads_a_million_rows_keeps_nothing(transactional_db: None) -> None:
    names = ["id", "title"]
    for n in range(3 * peers.MAX_TOGETHER):
        Article.from_db("default", names, [n, ""])
    assert len(peers._queries[id(names)][1]) <= peers.MAX_TOGETHER
    for _ in range(3 * peers.MAX_QUERIES):
        Article.objects.first()
    assert len(peers._queries) <= peers.MAX_QUERIES


def test_a_migration_sees_nothing_of_it() -> None:
    call_command("makemigrations", "blog", check=True, dry_run=True, verbosity=0)


# In async code

READ: dict[str, Callable[[Any], Any]] = {
    "total_views": lambda article: article.total_views,
    "last_viewed_at": lambda article: article.last_viewed_at is not None,
    "get_views_today": lambda article: article.get_views_today(),
    "get_views_this_week": lambda article: article.get_views_this_week(),
}
VALUES = {"total_views": 3, "last_viewed_at": True, "get_views_today": 3, "get_views_this_week": 3}


@pytest.mark.parametrize("redis_is", ["warm", "cold", "down"])
@pytest.mark.parametrize("name", READ)
def test_in_a_running_loop(
    name: str, redis_is: str, article: Article, redis_client: redis.Redis, settings: Any
) -> None:
    count_views(ObjectRef.of(article), 3)
    persist()
    assert live_numbers.read([ObjectRef.of(article)])
    if redis_is == "cold":
        redis_client.flushall()
    if redis_is == "down":
        settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"

    async def read() -> Any:
        return READ[name](article)

    assert asyncio.run(read()) == VALUES[name]


def test_tags_in_a_running_loop(article: Article, redis_client: redis.Redis) -> None:
    """Tags work within a running loop, as with ``render()`` in an async view."""
    count_views(ObjectRef.of(article), 3)
    persist()
    redis_client.flushall()

    async def rendered() -> Any:
        return render("{% views_week_stat %}{% page_analytics_widget %}{% page_view_tracker %}", article=article)

    assert asyncio.run(rendered()).texts["views_week"] == "3"


def test_today_in_a_running_loop(article: Article) -> None:
    """Instances of a list that an async view has fetched show today's views."""
    count_views(ObjectRef.of(article), 3)
    Article.objects.create(title="other")
    assert days.now()

    async def read() -> list[int]:
        try:
            return [each.total_views async for each in Article.objects.order_by("pk")]
        finally:
            await sync_to_async(connections.close_all)()

    assert asyncio.run(read()) == [3, 0]
