"""Formats: the server writes numbers and times, and tells the script how to write them the same way."""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo
from datetime import timezone as offset
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import global_settings
from django.utils import timezone, translation
from django.utils.formats import date_format, number_format

from djinsight import days
from djinsight.pages.formats import Formats
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.rendered_pages import part, render, viewed

PRAGUE = ZoneInfo("Europe/Prague")
LANGUAGES = [code for code, _ in global_settings.LANGUAGES]
WHEN = 1_785_931_207_123


def formats(language: str | None = "en", zone: tzinfo = PRAGUE) -> Formats:
    with translation.override(language):
        made = Formats(language, zone)
        assert made.of_times  # reads the names of this language
        return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_django_writes(language: str) -> None:
    with translation.override(language), timezone.override(PRAGUE):
        own = Formats(language, PRAGUE)
        for number in (0, 1, 999, 1234, 12_345, 1_234_567):
            assert own.number(number) == number_format(number, force_grouping=True)
        when = timezone.localtime(days.to_datetime(WHEN))
        assert own.time(WHEN) == ("2026-08-05T12:00:07.123+00:00", date_format(when, "DATETIME_FORMAT"))


@pytest.mark.parametrize(
    ("grouping", "said"), [(3, "3:."), (0, ":."), ((3, 2, 0), "3,2:."), ((3, 2), "3,2:."), ([4], "4:.")]
)
def test_groups(grouping: Any, said: str, settings: Any) -> None:
    settings.NUMBER_GROUPING, settings.THOUSAND_SEPARATOR = grouping, "."
    with translation.override("tlh"):  # Django has no formats for it
        assert Formats("tlh", PRAGUE).of_numbers == said


def of_times(form: str, settings: Any, zone: tzinfo = PRAGUE, language: str = "tlh") -> str:
    settings.DATETIME_FORMAT = form
    with translation.override(language):
        return Formats(language, zone).of_times


FORMS = {
    "Y-m-d H:i": "~Europe/Prague~Y-m-d H:i",
    "~Y": "|Europe/Prague|~Y",
    r"\\a \at k": r"~Europe/Prague~\\\a \at k",
    "A": "~Europe/Prague~A~AM~PM",
    "P a": "~Europe/Prague~P a~a.m.~p.m.~midnight~noon~a.m.~p.m.",
    "D D": "~Europe/Prague~D D~Mon~Tue~Wed~Thu~Fri~Sat~Sun",
}


@pytest.mark.parametrize("form", FORMS)
def test_times(form: str, settings: Any) -> None:
    """Literal parts are escaped in one way. The names of each letter come once, in the order of the letters."""
    assert of_times(form, settings) == FORMS[form]


ZONES: list[tuple[Any, str]] = [
    (ZoneInfo("Europe/Prague"), "~Europe/Prague~Y"),
    (UTC, "~0~Y"),
    (timezone.get_fixed_timezone(-570), "~-34200~Y"),
    (offset(timedelta(hours=2), "summer"), "~7200~Y"),
]


@pytest.mark.parametrize(("zone", "said"), ZONES, ids=[said for _, said in ZONES])
def test_zones(zone: tzinfo, said: str, settings: Any) -> None:
    assert of_times("Y", settings, zone) == said


class Own(tzinfo):
    """A zone of the site's own, which no browser knows."""


def test_a_zone_without_a_name(settings: Any) -> None:
    assert of_times("Y", settings, Own()) == "~"


def test_names_of_a_zone(settings: Any) -> None:
    said = of_times("H T", settings).split("~")
    assert sorted(said[3:]) == ["3600 0 CET", "7200 1 CEST"]


@pytest.mark.django_db
def test_a_block_around_a_tag() -> None:
    """Each tag uses its language and zone. Its format is in each element of a part that is fetched."""
    article = Article.objects.create(title="x")
    viewed(article, 1_234_567, 3)
    source = """{% load i18n tz l10n %}{% total_views_stat %}
        {% language "de" %}{% total_views_stat %}{% last_viewed_stat %}
        {% endlanguage %}{% timezone "Asia/Tokyo" %}{% last_viewed_stat %}{% endtimezone %}{% last_viewed_stat %}
        {% localize off %}{% total_views_stat %}{% endlocalize %}{% total_views_stat %}"""
    count_views(ObjectRef.of(article), 1)
    page = render(source, part(), article=article)
    shown = [
        (each["data-djinsight-stat"], text.strip(), each["data-djinsight-format"])
        for _, each, text in page.found
        if "data-djinsight-stat" in each
    ]
    totals = [(text, said) for stat, text, said in shown if stat == "total_views"]
    assert totals == [("1,234,568", "3:,"), ("1.234.568", "3:."), ("1,234,568", "3:,"), ("1,234,568", "3:,")]
    german, tokyo, english = ((text, str(said)) for stat, text, said in shown if stat == "last_viewed_at")
    assert [said.split("~")[1] for _, said in (german, tokyo, english)] == [
        "Europe/Prague",
        "Asia/Tokyo",
        "Europe/Prague",
    ]
    assert german[1].split("~")[2] == "j. F Y H:i"
    assert english[1].split("~")[2] == tokyo[1].split("~")[2] == "N j, Y, P"
    assert len({german[0], tokyo[0], english[0]}) == 3
