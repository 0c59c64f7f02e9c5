"""Ranking: the most viewed objects of all time and of some days, from the tables of statistics."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models import Q
from django.template import Context, Template, TemplateSyntaxError
from django.test.utils import isolate_apps

from djinsight import database, days
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.statistics import ranking
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support import users
from tests.support.counted_views import count_views
from tests.support.rendered_pages import request

pytestmark = pytest.mark.django_db


def key(obj: Any) -> dict[str, Any]:
    ref = ObjectRef.of(obj)
    return {"content_type": ContentType.objects.get_by_natural_key(ref.app_label, ref.model_name), "object_id": ref.pk}


def viewed(obj: Any, *views: int) -> Any:
    """Give ``obj`` so many views today, yesterday, and so on."""
    for ago, total in enumerate(views):
        if total:
            day = days.now().day - timedelta(days=ago)
            PageViewSummary.objects.create(**key(obj), date=day, total_views=total)
    PageViewStatistics.objects.create(**key(obj), total_views=sum(views))
    return obj


@pytest.fixture(autouse=True)
def content_types(db: None) -> None:
    ContentType.objects.get_for_models(Article, News, Product, Term)


@pytest.fixture
def articles() -> list[Article]:
    """Make articles: ``a`` leads of all time, ``b`` today, ``c`` over three days; ``d`` was never viewed."""
    a, b, c, _d = (Article.objects.create(title=title) for title in "abcd")
    viewed(a, 1, 0, 0, 100)
    viewed(b, 30)
    viewed(c, 20, 20, 20)
    viewed(Product.objects.create(name="another model"), 500)
    return [a, b, c]


RANKINGS: list[tuple[dict[str, Any], dict[str, int]]] = [
    ({}, {"a": 101, "c": 60, "b": 30}),
    ({"limit": 2}, {"a": 101, "c": 60}),
    ({"limit": 1}, {"a": 101}),
    ({"days": 1}, {"b": 30, "c": 20, "a": 1}),
    ({"days": 2}, {"c": 40, "b": 30, "a": 1}),
    ({"days": 3, "limit": 1}, {"c": 60}),
    ({"days": 4}, {"a": 101, "c": 60, "b": 30}),
    ({"days": 400, "limit": 2}, {"a": 101, "c": 60}),
    ({"days": 2, "queryset": lambda: Article.objects.exclude(title="c")}, {"b": 30, "a": 1}),
    ({"queryset": lambda: Article.objects.filter(title__in="bd"), "limit": 1}, {"b": 30}),
    ({"queryset": lambda: Article.objects.filter(total_views__lt=50).order_by("title")}, {"b": 30}),
    ({"queryset": lambda: Article.objects.none()}, {}),
]


@pytest.mark.parametrize(("arguments", "expected"), RANKINGS, ids=lambda value: str(value).partition(" at 0x")[0][:40])
def test_most_viewed(arguments: dict[str, Any], expected: dict[str, int], articles: list[Article]) -> None:
    asked = {name: value() if callable(value) else value for name, value in arguments.items()}
    found = Article.most_viewed(**asked)
    assert [(article.title, article.ranked_views) for article in found] == list(expected.items())


def test_other_keys() -> None:
    product, term = Product.objects.create(name="p"), Term.objects.create(word="a:b'c\"d %s é 🙂")
    viewed(product, 5)
    viewed(term, 5)
    assert (Product.most_viewed(days=7), Term.most_viewed()) == ([product], [term])


def test_children_and_parents(articles: list[Article]) -> None:
    news = viewed(News.objects.create(title="n", source="s"), 70)
    assert [article.title for article in Article.most_viewed()] == ["a", "n", "c", "b"]
    assert News.most_viewed(limit=1) == News.most_viewed(limit=1, days=7) == [news]


def test_equals_come_in_the_order_of_their_ids() -> None:
    made = [viewed(Term.objects.create(word=word), 5) for word in "cab"]
    for given in (None, 1, 7):
        assert [term.word for term in Term.most_viewed(limit=2, days=given)] == ["a", "b"]
    assert len(made) == 3


def test_objects_that_are_gone(articles: list[Article]) -> None:
    """Rows of deleted objects, and rows whose key has another type, take no other object's place."""
    content_type = ContentType.objects.get_for_model(Article)
    for object_id in ("999999", "a word"):
        PageViewStatistics.objects.create(content_type=content_type, object_id=object_id, total_views=10_000)
    assert [article.title for article in Article.most_viewed(limit=1)] == ["a"]


def test_what_persist_wrote() -> None:
    article = Article.objects.create(title="x")
    count_views(ObjectRef.of(article), 3)
    persist()
    for given in (None, 1, 7):
        (found,) = Article.most_viewed(days=given)
        assert (found, found.ranked_views) == (article, 3)


def test_nothing_was_viewed() -> None:
    assert Article.most_viewed() == Article.most_viewed(days=7) == []
    ContentType.objects.all().delete()
    ContentType.objects.clear_cache()
    assert Article.most_viewed() == Article.most_viewed(days=7) == []


# Keys of another model's objects would find the wrong objects.


@isolate_apps("tests.blog")
def test_a_queryset_of_the_model_its_children_or_a_proxy(articles: list[Article]) -> None:
    class Featured(Article):
        class Meta:
            proxy = True
            app_label = "blog"

    news = viewed(News.objects.create(title="n", source="s"), 70)
    assert Article.most_viewed(queryset=News.objects.all()) == [news]
    assert [each.title for each in Article.most_viewed(2, queryset=Featured.objects.all())] == ["a", "n"]
    assert [each.title for each in Featured.most_viewed(2)] == ["a", "n"]
    assert [each.title for each in Featured.most_viewed(2, queryset=Article.objects.all())] == ["a", "n"]


OTHERS: dict[str, tuple[Any, Any, str]] = {
    "another model": (Article, lambda: Product.objects.all(), "but got one of blog.Product"),
    "one without the mixin": (Article, lambda: Comment.objects.all(), "but got one of blog.Comment"),
    "the parent": (News, lambda: Article.objects.all(), "expected a queryset of blog.News but got one of blog.Article"),
    "a manager": (Article, lambda: Article.objects, "but got a Manager"),
    "a list": (Article, lambda: [Article()], "but got a list"),
    "values": (Article, lambda: Article.objects.values("title"), "but got one of values"),
    "a list of values": (Article, lambda: Article.objects.values_list("pk", flat=True), "but got one of values"),
}


@pytest.mark.parametrize(("model", "queryset", "said"), OTHERS.values(), ids=OTHERS)
def test_another_queryset(model: Any, queryset: Any, said: str, articles: list[Article]) -> None:
    with pytest.raises(ValueError, match=said):
        model.most_viewed(queryset=queryset())


# Without a queryset: only objects that the model shows to all visitors


class Visible(models.QuerySet[Any]):
    def published(self) -> Any:
        return self.exclude(title="a")

    def live(self) -> Any:
        return self.exclude(title="b")

    def public(self) -> Any:
        return self.exclude(title="c")


class Early(models.Manager[Any]):
    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(title="a")


class ByItself(models.Manager[Any]):
    def live(self) -> Any:
        return self.filter(title="a")

    def published(self) -> Any:
        return self.filter(title__in="abc")


class ForSomebody(models.QuerySet[Any]):
    def public(self, user: Any) -> Any:
        raise AssertionError


class Unlike(models.QuerySet[Any]):
    """Attributes of these names that mean something else."""

    live = True

    def public(self) -> bool:
        return True


SHOWN: dict[str, tuple[Any, str]] = {
    "all three of the queryset": (Visible.as_manager(), ""),
    "of the manager alone": (ByItself(), "a"),
    "something else of these names": (Unlike.as_manager(), "acb"),
    "a default manager that hides": (Early(), "cb"),
}


@pytest.mark.parametrize(("manager", "expected"), SHOWN.values(), ids=SHOWN)
@isolate_apps("tests.blog")
def test_only_what_everybody_may_see(manager: Any, expected: str, articles: list[Article]) -> None:
    class Story(Article):
        objects = manager

        class Meta:
            proxy = True
            app_label = "blog"

    assert "".join(each.title for each in Story.most_viewed()) == expected
    # A given queryset is not narrowed.
    assert "".join(each.title for each in Story.most_viewed(queryset=Story._base_manager.all())) == "acb"


@isolate_apps("tests.blog")
def test_a_manager_of_that_name_on_the_model(articles: list[Article]) -> None:
    class Story(Article):
        objects = models.Manager()
        published = Early()

        class Meta:
            proxy = True
            app_label = "blog"

    assert [each.title for each in Story.most_viewed()] == ["c", "b"]


@isolate_apps("tests.blog")
def test_what_depends_on_somebody_wants_a_queryset(articles: list[Article]) -> None:
    class Story(Article):
        objects = ForSomebody.as_manager()

        class Meta:
            proxy = True
            app_label = "blog"

    with pytest.raises(ValueError, match=r"public\(\) of blog\.Story needs arguments"):
        Story.most_viewed()


# The tag


def ranked(source: str, made: Any = None, **context: Any) -> str:
    return Template("{% load djinsight_tags %}" + source).render(Context({"request": made, **context}))


TAG_RANKINGS = {
    '{% most_viewed "blog.article" as found %}': "a101 c60 b30 ",
    '{% most_viewed model="blog.Article" limit=1 as found %}': "a101 ",
    '{% most_viewed "blog.article" days=2 by="views" as found %}': "c40 b30 a1 ",
    '{% most_viewed "blog.article" 2 1 as found %}': "b30 c20 ",
    '{% most_viewed "blog.news" as found %}': "",
}


@pytest.mark.parametrize(("tag", "expected"), TAG_RANKINGS.items())
def test_tag(tag: str, expected: str, articles: list[Article]) -> None:
    loop = "{% for each in found %}{{ each.title }}{{ each.ranked_views }} {% endfor %}"
    assert ranked(tag + loop) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('"blog.articles"', "expected a model like"),
        ('"article"', "expected a model like"),
        ("nothing", "expected a model like"),
        ('"blog.comment"', r"blog\.Comment does not have PageViewStatisticsMixin"),
        ('"blog.article" limit=0', "expected a limit from 1 to 1000 but got 0"),
        ('"blog.article" limit="many"', "most_viewed: "),
        ('"blog.article" days=0', "expected days from 1 to"),
        ('"blog.article" by="readers"', "expected by=\"views\" but got 'readers'"),
        ('"blog.article" by="engaged"', 'expected by="views" but got'),
        ('"blog.article" by="likes"', 'expected by="views" but got'),
    ],
)
def test_tag_that_cannot_work(arguments: str, said: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=said):
        ranked(f"{{% most_viewed {arguments} as found %}}")


def test_tag_for_a_visitor_who_may_not_see_numbers(articles: list[Article], settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    tag = '{% most_viewed "blog.article" as found %}{{ found|length }}'
    assert ranked(tag, request(user=users.make("staff"))) == "0"
    assert ranked(tag, request(user=users.make("a user with the permission"))) == "3"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (PageViewStatistics, "the database of the statistics fails"),
        (Article, "The most viewed objects of blog.article are not shown"),
    ],
    ids=["statistics", "objects"],
)
def test_tag_without_the_database(
    model: Any, said: str, articles: list[Article], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_fails", False)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        assert ranked('{% most_viewed "blog.article" as found %}{{ found|length }}') == "0"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    assert said in caplog.text


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limit(limit: int) -> None:
    with pytest.raises(ValueError, match="expected a limit from 1 to 1000 but got"):
        Article.most_viewed(limit)


@pytest.mark.parametrize("given", [0, -7, 36_501, 10**9])
def test_days(given: int) -> None:
    with pytest.raises(ValueError, match="expected days from 1 to 36500 but got"):
        Article.most_viewed(days=given)


def test_queries(articles: list[Article], django_assert_num_queries: Any) -> None:
    Article.most_viewed()
    with django_assert_num_queries(2):
        Article.most_viewed(limit=2)
    with django_assert_num_queries(9):  # seven days, their sums, the objects
        Article.most_viewed(limit=2, days=7)


# Indexes


def summarise(rows: Iterable[tuple[str, date, int]]) -> Counter[str]:
    content_type = ContentType.objects.get_for_model(Term)
    sums: Counter[str] = Counter()
    made = []
    for object_id, day, total in rows:
        sums[object_id] += total
        made.append(PageViewSummary(content_type=content_type, object_id=object_id, date=day, total_views=total))
    PageViewSummary.objects.bulk_create(made, batch_size=5000)
    return sums


DISTRIBUTIONS = {
    "few are viewed most": lambda chance: int(chance.paretovariate(0.7)),
    "all alike": lambda chance: chance.randint(1, 100),
    "equals": lambda chance: 5,
}


@pytest.mark.parametrize("views", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
@pytest.mark.parametrize("size", [1, 10, 100])
def test_of_days_as_from_all_rows(size: int, views: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the first rows of each day gives the same ranking as adding up all rows."""
    monkeypatch.setattr(ranking, "MAX_DEPTH", 64)
    chance = random.Random(7)
    today = days.now().day
    sums = summarise(
        (f"{n:04}", today - timedelta(days=ago), views(chance))
        for n in range(400)
        for ago in range(7)
        if chance.random() < 0.7
    )
    content_type = ContentType.objects.get_for_model(Term)
    expected = sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:size]
    assert ranking.top(content_type.pk, size, 7) == expected


def plan(queryset: Any) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
            cursor.execute("SET LOCAL enable_seqscan = off")  # the tables of a test are small
    return str(queryset.explain())


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda q: PageViewStatistics.objects.filter(q, total_views__gt=0), "djinsight_statistics_most"),
        (lambda q: PageViewSummary.objects.filter(q, date=date(2026, 3, 1)), "djinsight_summary_most"),
    ],
    ids=["all time", "a day"],
)
def test_index_only(rows: Any, index: str) -> None:
    """The ranking is read from the index alone, without its table and without sorting."""
    where = Q(content_type=ContentType.objects.get_for_model(Article).pk)
    ranked = rows(where).order_by("-total_views", "object_id").values_list("object_id", "total_views")[:10]
    said = plan(ranked)
    assert index in said
    assert ("COVERING INDEX" in said) or ("Index Only Scan" in said) or ("Using index" in said)
    assert "Sort" not in said
    assert "TEMP B-TREE" not in said
    assert "filesort" not in said
