"""Charts: a week or a month is shown as bars and as a table."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.template import Context, TemplateSyntaxError
from django.utils import translation

from djinsight import days
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.pages.chart import Chart, draw
from djinsight.pages.page import Page
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Term
from tests.support.counted_views import count_views
from tests.support.rendered_pages import Elements, html, render

pytestmark = pytest.mark.django_db


def set_clock(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    seconds = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Europe/Prague")).timestamp()
    monkeypatch.setattr(days, "now", lambda: days.at(int(seconds * 1000)))


def viewed(article: Article, views: dict[str, int]) -> None:
    key = {"content_type": ContentType.objects.get_for_model(Article), "object_id": str(article.pk)}
    for day, total in views.items():
        PageViewSummary.objects.create(**key, date=day, total_views=total, unique_views=total // 2)
    PageViewStatistics.objects.create(**key, total_views=sum(views.values()), unique_views=1)


@pytest.fixture
def article(monkeypatch: pytest.MonkeyPatch) -> Article:
    """Return an article at noon of Wednesday, the 18th, with views on Monday, today, and before this week."""
    set_clock(monkeypatch, "2026-03-18T12:00")
    article = Article.objects.create(title="x")
    viewed(article, {"2026-03-15": 5000, "2026-03-16": 1200, "2026-03-18": 30, "2026-02-28": 9})
    return article


def chart(article: Article, period: Any) -> Chart:
    return draw(Page(None), ObjectRef.of(article), period, Context())


def test_week(article: Article) -> None:
    drawn = chart(article, "week")
    assert (drawn.first, drawn.last) == (date(2026, 3, 16), date(2026, 3, 22))
    assert [bar.height for bar in drawn.bars] == ["1200", "0", "30"]
    assert [(bar.total, bar.unique) for bar in drawn.bars] == [("1,200", "600"), ("0", "0"), ("30", "15")]
    assert [bar.is_today for bar in drawn.bars] == [False, False, True]
    assert drawn.bars[-1].day == date(2026, 3, 18)
    assert (drawn.slots, drawn.highest) == ("7", "1200")
    assert [label.text for label in drawn.labels] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert [label.x for label in drawn.labels][:2] == ["7.14%", "21.43%"]


def test_month(article: Article) -> None:
    drawn = chart(article, "month")
    assert (drawn.first, drawn.last) == (date(2026, 3, 1), date(2026, 3, 31))
    assert len(drawn.bars) == 18
    assert drawn.bars[14].height == drawn.highest == "5000"
    assert [label.text for label in drawn.labels] == ["1", "8", "15", "22", "29"]


@pytest.mark.parametrize(
    ("today", "slots"), [("2026-02-10", "28"), ("2024-02-29", "29"), ("2026-04-30", "30"), ("2026-12-31", "31")]
)
def test_months(today: str, slots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, f"{today}T23:59")
    drawn = chart(Article.objects.create(title="x"), "month")
    assert drawn.slots == slots
    assert drawn.last.day == int(slots)
    assert len(drawn.bars) == int(today[-2:])


def test_days_on_which_the_clocks_change(monkeypatch: pytest.MonkeyPatch) -> None:
    for today in ("2026-03-29", "2026-10-25"):
        set_clock(monkeypatch, f"{today}T23:30")
        drawn = chart(Article.objects.create(title="x"), "week")
        sunday = date.fromisoformat(today)
        assert [bar.day for bar in drawn.bars] == [sunday - timedelta(days=6 - n) for n in range(7)]


def test_nothing_was_viewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart of no height would not be drawn at all."""
    set_clock(monkeypatch, "2026-03-16T00:00")
    drawn = chart(Article.objects.create(title="x"), "week")
    assert (len(drawn.bars), drawn.highest) == (1, "1")


def test_today_is_live(article: Article) -> None:
    count_views(ObjectRef.of(article), 5)
    assert chart(article, "week").bars[-1].height == "35"
    persist()
    assert chart(article, "week").bars[-1].height == "35"


def test_two_charts_of_one_page(article: Article) -> None:
    """Drawing one chart does not change the numbers that were read for the other."""
    page = Page(None)
    twice = [draw(page, ObjectRef.of(article), "week", Context()) for _ in range(2)]
    assert twice[0] == twice[1]


# The widget

WIDGET = "{{% page_analytics_widget period='{}' %}}"


def found(page: Elements, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes, _ in page.found if name == tag]


@pytest.mark.parametrize(("period", "bars"), [("week", 3), ("month", 18)])
def test_widget(period: str, bars: int, article: Article) -> None:
    page = render(WIDGET.format(period), article=article)
    assert [each["class"] for each in found(page, "section")] == ["djinsight-analytics-widget"]
    drawn = [each for each in found(page, "rect") if each["width"] == "0.7"]
    assert len(drawn) == len(found(page, "tr")) - 1 == bars
    today = {"data-djinsight-stat": "views_today", "data-djinsight-day": str(date(2026, 3, 18).toordinal() - 719_163)}
    live = page.having("data-djinsight-day")
    assert live == [drawn[-1], found(page, "td")[-2]]
    for each in live:
        assert today.items() <= each.items()
        assert each["data-djinsight-ref"] == str(ObjectRef.of(article))


def test_readable_without_seeing_it(article: Article) -> None:
    """The picture has a name, and its numbers are in a table with headings."""
    page = render(WIDGET.format("week"), article=article)
    picture = found(page, "svg")[0]
    assert (picture["role"], picture["aria-label"]) == ("img", "Views a day, March 16, 2026 to March 22, 2026")
    captions = [text.strip() for name, _, text in page.found if name == "caption"]
    assert captions == [picture["aria-label"]]
    assert [each["scope"] for each in found(page, "th")] == ["col"] * 3 + ["row"] * 3
    cells = [text for name, _, text in page.found if name == "td"]
    assert [cell.strip() for cell in cells] == ["1,200", "600", "0", "0", "30", "15"]


def test_numbers_of_attributes_are_in_no_language(article: Article, settings: Any) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        source = html(WIDGET.format("week"), article=article)
    assert 'viewBox="0 -1200 7 1200"' in source
    assert 'height="1200"' in source
    assert 'x="7.14%"' in source
    assert ">1.200<" in source


def test_a_strict_content_security_policy(article: Article) -> None:
    page = render(WIDGET.format("month"), article=article)
    names = {name for _, attributes, _ in page.found for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert found(page, "style") == []


@pytest.mark.parametrize("period", ["year", "", "Week", "None"])
def test_no_such_period(period: str) -> None:
    """The error is raised also without an object, so that the template's author sees it at once."""
    with pytest.raises(TemplateSyntaxError, match='page_analytics_widget: expected "week" or "month" but got'):
        html(WIDGET.format(period))


def test_hostile_key(monkeypatch: pytest.MonkeyPatch) -> None:
    term = Term.objects.create(word='"/><script>alert(1)</script>')
    page = render(WIDGET.format("week"), item=term)
    assert len(page.scripts) == 1
    assert page.scripts[0]["src"] == "/static/djinsight/djinsight.js"
    assert not re.search(r"<script>alert", html(WIDGET.format("week"), item=term))
