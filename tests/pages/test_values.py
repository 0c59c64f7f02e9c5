"""Values: the strings of each statistic, by language and calendar, live and for an object never viewed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone, translation

from djinsight import days
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.pages.values import ALL, PERIODS, TIMES
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.rendered_pages import render

pytestmark = pytest.mark.django_db

TAGS = {
    "total_views": "total_views_stat",
    "unique_views": "unique_views_stat",
    "views_today": "views_today_stat",
    "views_week": "views_week_stat",
    "views_month": "views_month_stat",
    "first_viewed_at": "first_viewed_stat",
    "last_viewed_at": "last_viewed_stat",
}
NOON = "2026-04-01T12:00:00+02:00"  # a Wednesday; its week began in March
FIRST = datetime(2026, 1, 5, 12, tzinfo=UTC)
LAST = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # the first of April in Prague


@pytest.fixture
def article(monkeypatch: pytest.MonkeyPatch) -> Article:
    """Return an article with 1,000,000 views before this week, and 30, 200 and 1,000 in it."""
    seconds = datetime.fromisoformat(NOON).timestamp()
    monkeypatch.setattr(days, "now", lambda: days.at(int(seconds * 1000)))
    article = Article.objects.create(title="x")
    key = {"content_type": ContentType.objects.get_for_model(Article), "object_id": str(article.pk)}
    PageViewStatistics.objects.create(
        **key, total_views=1_001_230, unique_views=4321, first_viewed_at=FIRST, last_viewed_at=LAST
    )
    for day, total in (("2026-03-30", 30), ("2026-03-31", 200), ("2026-04-01", 1000)):
        PageViewSummary.objects.create(**key, date=day, total_views=total, unique_views=1)
    return article


def element(stat: str, article: Article) -> dict[str, str | None]:
    (found,) = render(f"{{% {TAGS[stat]} %}}", article=article).having("data-djinsight-stat")
    return found


def text(stat: str, article: Article) -> str:
    return render(f"{{% {TAGS[stat]} %}}", article=article).texts[stat]


def test_every_statistic_has_a_tag() -> None:
    assert set(TAGS) == set(ALL)


TEXTS = {
    "en": ("1,001,230", "4,321", "1,000", "1,230", "1,000", "Jan. 5, 2026, 1 p.m.", "April 1, 2026, 12:30 a.m."),
    "de": ("1.001.230", "4.321", "1.000", "1.230", "1.000", "5. Januar 2026 13:00", "1. April 2026 00:30"),
}


@pytest.mark.parametrize("language", TEXTS)
def test_texts(language: str, article: Article) -> None:
    with translation.override(language):
        assert tuple(text(stat, article) for stat in TAGS) == TEXTS[language]


@pytest.mark.parametrize("separators", [True, False])
def test_texts_do_not_depend_on_how_a_site_writes_its_own_numbers(
    separators: bool, article: Article, settings: Any
) -> None:
    settings.USE_THOUSAND_SEPARATOR = separators
    assert text("total_views", article) == "1,001,230"
    assert element("views_week", article)["data-djinsight-value"] == "1230"


@pytest.mark.parametrize("stat", PERIODS)
def test_what_the_page_derives_a_period_from(stat: str, article: Article) -> None:
    """The total that belongs to the number: the page adds the later growth of the total to the number."""
    found = element(stat, article)
    assert found["data-djinsight-total"] == "1001230"
    assert found["data-djinsight-value"] == {"views_week": "1230", "views_month": "1000"}[stat]


@pytest.mark.parametrize(("stat", "iso"), [("first_viewed_at", FIRST), ("last_viewed_at", LAST)])
def test_a_time(stat: str, iso: datetime, article: Article) -> None:
    """The time is written as on the wire, so that the page leaves the text alone until the time changes."""
    times = [each for name, each, _ in render(f"{{% {TAGS[stat]} %}}", article=article).found if name == "time"]
    assert [each["datetime"] for each in times] == [iso.isoformat(timespec="milliseconds")]
    assert times == [element(stat, article)]


def test_a_time_in_the_zone_of_the_reader(article: Article) -> None:
    with timezone.override("America/New_York"):
        assert text("last_viewed_at", article) == "March 31, 2026, 6:30 p.m."


def test_never_viewed() -> None:
    article = Article.objects.create(title="x")
    for stat in TAGS:
        found = element(stat, article)
        assert text(stat, article) == ("never" if stat in TIMES else "0")
        assert ("datetime" in found, "data-djinsight-value" in found) == (False, stat in PERIODS)


def test_live() -> None:
    """Pending views are included, and persisting them changes nothing."""
    article = Article.objects.create(title="x")
    count_views(ObjectRef.of(article), 5, visitors=2)
    pending = {stat: text(stat, article) for stat in TAGS}
    assert [pending[stat] for stat in ALL if stat not in TIMES] == ["5", "2", "5", "5", "5"]
    persist()
    assert {stat: text(stat, article) for stat in TAGS} == pending


@pytest.mark.parametrize("tag", [*TAGS.values(), "live_stats_counter", "page_stats_display", "page_analytics_widget"])
def test_only_a_live_counter_is_read_out(tag: str, article: Article) -> None:
    page = render(f"{{% {tag} %}}", article=article)
    live = [element["class"] for element in page.having("aria-live")]
    assert live == (["djinsight-live-counter"] if tag == "live_stats_counter" else [])
