"""Mixin: a tracked object knows its views by period, its address and its name."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test.utils import isolate_apps

from djinsight import days
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewStatisticsMixin, PageViewSummary
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support.counted_views import count_views

pytestmark = pytest.mark.django_db


def periods(obj: Any) -> tuple[int, int, int]:
    return obj.get_views_today(), obj.get_views_this_week(), obj.get_views_this_month()


MADE = {
    "an article": lambda: Article.objects.create(title="x"),
    "a child": lambda: News.objects.create(title="x", source="y"),
    "a UUID": lambda: Product.objects.create(name="x"),
    "a text": lambda: Term.objects.create(word="a:b'c\"d %s é 🙂"),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_periods(make: Any) -> None:
    """Pending and persisted views count alike."""
    obj = make()
    assert periods(obj) == (0, 0, 0)
    count_views(ObjectRef.of(obj), 3)
    assert periods(obj) == (3, 3, 3)
    persist()
    assert periods(obj) == (3, 3, 3)
    count_views(ObjectRef.of(obj), 2)
    assert periods(obj) == (5, 5, 5)


def test_periods_of_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this Wednesday, the week began in the month before, and with a day on which the clocks changed."""
    seconds = datetime(2026, 4, 1, 0, 30, tzinfo=ZoneInfo("Europe/Prague")).timestamp()
    monkeypatch.setattr(days, "now", lambda: days.at(int(seconds * 1000)))
    article = Article.objects.create(title="x")
    key = {"content_type": ContentType.objects.get_for_model(Article), "object_id": str(article.pk)}
    for day, total in (("2026-03-29", 1), ("2026-03-30", 10), ("2026-03-31", 100), ("2026-04-01", 1000)):
        PageViewSummary.objects.create(**key, date=day, total_views=total)
    PageViewStatistics.objects.create(**key, total_views=1111)
    assert periods(article) == (1000, 1110, 1000)


@pytest.mark.parametrize("model", [Article, News, Product, Term])
def test_periods_of_what_is_not_saved(model: Any, django_assert_num_queries: Any) -> None:
    obj = model()
    obj.pk = None
    with django_assert_num_queries(0):
        assert periods(obj) == (0, 0, 0)


def test_periods_with_redis_down(settings: Any) -> None:
    article = Article.objects.create(title="x")
    count_views(ObjectRef.of(article), 3)
    persist()
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert periods(article) == (3, 3, 3)


# Address and name


def made(**attributes: Any) -> Any:
    meta = type("Meta", (), {"app_label": "blog"})
    model = type("Made", (models.Model, PageViewStatisticsMixin), {"__module__": __name__, "Meta": meta, **attributes})
    return model(pk=7)


URLS = {
    "get_absolute_url": ({"get_absolute_url": lambda self: f"/made/{self.pk}/", "url": "/other/"}, "/made/7/"),
    "get_absolute_url that knows none": ({"get_absolute_url": lambda self: None}, ""),
    "url": ({"url": "/u/"}, "/u/"),
    "a property": ({"url": property(lambda self: f"/p/{self.pk}")}, "/p/7"),
    "url that is None": ({"url": None}, ""),
    "none of them": ({}, ""),
    "its own": ({"get_tracking_url": lambda self: "/own/", "url": "/u/"}, "/own/"),
}


@pytest.mark.parametrize(("attributes", "url"), URLS.values(), ids=URLS)
@isolate_apps("tests.blog")
def test_tracking_url(attributes: dict[str, Any], url: str) -> None:
    assert made(**attributes).get_tracking_url() == url


NAMES = {
    "title": ({"title": "T", "name": "N"}, "T"),
    "no title": ({"title": "", "name": "N"}, "N"),
    "a title that is a method": ({"title": lambda self: "T", "name": "N"}, "N"),
    "name": ({"name": "N"}, "N"),
    "a name that is no text": ({"name": 5}, "5"),
    "neither": ({"__str__": lambda self: "S"}, "S"),
    "its own": ({"get_display_name": lambda self: "own", "title": "T"}, "own"),
}


@pytest.mark.parametrize(("attributes", "name"), NAMES.values(), ids=NAMES)
@isolate_apps("tests.blog")
def test_display_name(attributes: dict[str, Any], name: str) -> None:
    obj = made(**attributes)
    assert obj.get_display_name() == objects.display_name(obj) == name


def test_the_display_name_of_an_object_without_the_mixin() -> None:
    assert objects.display_name(Comment(text="hello")) == "hello"


def test_what_migrations_of_the_host_name() -> None:
    """Migrations name the public module, which stays."""
    assert MigrationWriter.serialize(PageViewStatisticsMixin)[0] == "djinsight.models.PageViewStatisticsMixin"
