"""Runs: which tags rely on the token and the formats of others, and which have all attributes themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from djinsight.beacons import tokens
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.rendered_pages import Elements, html, part, render, request

pytestmark = pytest.mark.django_db

TWO = "{% total_views_stat obj=a %} {% unique_views_stat obj=a %}"
WATCH, FORMAT, STAT = "data-djinsight-watch", "data-djinsight-format", "data-djinsight-stat"


@pytest.fixture
def articles() -> dict[str, Any]:
    """Return two articles, one of which was viewed, as variables of a template."""
    a, b = (Article.objects.create(title=title) for title in "ab")
    count_views(ObjectRef.of(a), 1)
    return {"a": a, "b": b, "both": [a, b], "yes": True}


def carried(page: Elements) -> list[tuple[str, bool, bool]]:
    """Return each statistic, with if its element has a token and a format."""
    return [(str(each[STAT]), WATCH in each, FORMAT in each) for each in page.having(STAT)]


# Each has two tags or more. True if an element has a token and a format of numbers.
RUNS = {
    "two tags": (TWO, [True, False]),
    "three tags": (TWO + "{% views_today_stat obj=a %}", [True, False, False]),
    "with HTML between them": (
        TWO.replace(" {% u", "</li>\n<li class='x'>{{ a.title }} {% url 'x' as y %}{% u"),
        [1, 0],
    ),
    "in a loop": ("{% for a in both %}<li>" + TWO + "</li>{% endfor %}", [True, False] * 2),
    "in each turn of a loop of one object": ("{% for n in '12' %}" + TWO + "{% endfor %}", [True, False] * 2),
    "a tag with two values": ("{% live_stats_counter obj=a %}", [True, False]),
    "after a tag with two values": ("{% live_stats_counter obj=a %}{% total_views_stat obj=a %}", [True, False, False]),
    "another object": ("{% total_views_stat obj=a %}{% total_views_stat obj=b %}", [True, True]),
    "the first object again": (
        "{% total_views_stat obj=a %}{% total_views_stat obj=b %}{% unique_views_stat obj=a %}",
        [True, True, True],
    ),
    "after a tag without an object": (
        "{% total_views_stat obj=a %}{% total_views_stat obj=None %}{% unique_views_stat obj=a %}",
        [True, True],
    ),
    "a condition": ("{% total_views_stat obj=a %}{% if yes %}{% unique_views_stat obj=a %}{% endif %}", [True, True]),
    "after a condition": (
        "{% total_views_stat obj=a %}{% if yes %}x{% endif %}{% unique_views_stat obj=a %}",
        [True, True],
    ),
    "two branches": (
        "{% for n in '12' %}{% if n == '1' %}{% total_views_stat obj=a %}{% else %}{% unique_views_stat obj=a %}"
        "{% endif %}{% endfor %}",
        [True, True],
    ),
    "a cache": (
        "{% load cache %}{% total_views_stat obj=a %}{% cache 9 runs %}{% unique_views_stat obj=a %}{% endcache %}",
        [True, True],
    ),
    "in a cache": ("{% load cache %}{% cache 9 runs %}" + TWO + "{% endcache %}", [True, False]),
    "a variable": (
        "{% total_views_stat obj=a as x %}{% unique_views_stat obj=a %}{% views_today_stat obj=a %}{{ x }}",
        [True, False, True],
    ),
    "into a variable": ("{% total_views_stat obj=a %}{% unique_views_stat obj=a as x %}{{ x }}", [True, True]),
    "in a template element": (f"<template>{TWO.replace(' {', '</template> {')}", [True, True]),
    "before a template element": (TWO.replace(" {", "<TEMPLATE> {"), [True, True]),
    "in a noscript element": (f"<noscript>{TWO.replace(' {', '</noscript> {')}", [True, True]),
    "a part that a library may select": (TWO.replace(" {", "</header><main> {"), [True, True]),
    "a part that an id names": (TWO.replace(" {", "<p id='x'> {"), [True, True]),
    "an element of the site's own": (TWO.replace(" {", "<my-card> {"), [True, True]),
}


@pytest.mark.parametrize(("source", "expected"), RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("with_request", [True, False])
def test_what_carries(with_request: bool, source: str, expected: list[bool], articles: dict[str, Any]) -> None:
    cache.clear()
    found = carried(render(source, request() if with_request else None, **articles))
    assert [(token, number) for _, token, number in found] == [(bool(each), bool(each)) for each in expected]


def test_a_part_has_all_of_it(articles: dict[str, Any]) -> None:
    """A library may take any element of a response that it fetches, and drop the rest."""
    page = render(TWO + "{% page_stats_display obj=a %}", part(), **articles)
    assert {each[1:] for each in carried(page)} == {(True, True)}
    assert len(page.having(STAT)) == 6


def test_each_render_has_all_of_it(articles: dict[str, Any]) -> None:
    """A view may render a fragment by itself, to keep it in a cache or to leave it out."""
    made = request()
    for _ in range(2):
        assert carried(render(TWO, made, **articles)) == [("total_views", True, True), ("unique_views", False, False)]


def test_included_cards(articles: dict[str, Any], tmp_path: Path, settings: Any) -> None:
    """A cache around an include keeps each card with a token of its own, also if the object was shown before."""
    (tmp_path / "card.html").write_text("{% load djinsight_tags %}" + TWO)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    source = TWO + "{% for a in both %}{% include 'card.html' %}{% endfor %}"
    assert [token for _, token, _ in carried(render(source, request(), **articles))] == [True, False] * 3


@pytest.mark.parametrize("name", ["value", "unique_views_stat", "total_views_stat"])
def test_a_template_of_the_site_has_all_of_it(
    name: str, articles: dict[str, Any], tmp_path: Path, settings: Any
) -> None:
    """It may show some values only. So it has each attribute, and no other tag relies on it."""
    (tmp_path / "djinsight").mkdir()
    carried = "data-djinsight-watch='{{ value.watch }}' data-djinsight-format='{{ value.format }}'"
    one = f"<i data-djinsight-stat='x' {carried}>"
    (tmp_path / "djinsight" / f"{name}.html").write_text(
        one if name == "value" else f"{{% with value=values.{name.removesuffix('_stat')} %}}{one}{{% endwith %}}"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    page = render(TWO, request(), **articles)
    for each in page.having(STAT):
        assert tokens.read(str(each[WATCH]), "watch") == ObjectRef.of(articles["a"])
        assert each[FORMAT] == "3:,"


def test_a_number_after_a_time_has_its_format(articles: dict[str, Any]) -> None:
    source = "{% last_viewed_stat obj=a %}{% total_views_stat obj=a %}{% first_viewed_stat obj=a %}"
    assert carried(render(source, request(), **articles)) == [
        ("last_viewed_at", True, True),
        ("total_views", False, True),
        ("first_viewed_at", False, False),
    ]


def test_another_language_in_a_run_has_its_format(articles: dict[str, Any]) -> None:
    source = TWO + "{% load i18n %}{% language 'de' %}" + TWO + "{% endlanguage %}" + TWO
    page = render(source, request(), **articles)
    assert [each.get(FORMAT) for each in page.having(STAT)] == ["3:,", None, "3:.", None, "3:,", None]


# Times


LAST = "{% last_viewed_stat obj=a %}"
TIMES = {
    "before the script": (LAST, [True]),
    "after the script": (LAST + LAST, [True, False]),
    "after a script that was placed by hand": ("{% djinsight_script %}" + LAST, [False]),
    "after a script in another language": (
        "{% load i18n %}{% djinsight_script %}{% language 'de' %}" + LAST + LAST + "{% endlanguage %}" + LAST,
        [True, True, False],
    ),
    "in a cache": (
        "{% load cache %}{% djinsight_script %}{% cache 9 times %}" + LAST + LAST + "{% endcache %}",
        [True] * 2,
    ),
    "after a script in a cache": ("{% load cache %}{% cache 9 times %}" + LAST + "{% endcache %}" + LAST, [True, True]),
    "no time yet": ("{% djinsight_script %}{% last_viewed_stat obj=b %}", [True]),
}


@pytest.mark.parametrize(("source", "expected"), TIMES.values(), ids=TIMES)
def test_the_format_of_times(source: str, expected: list[bool], articles: dict[str, Any]) -> None:
    cache.clear()
    page = render(source, request(), **articles)
    assert [FORMAT in each for each in page.having(STAT)] == expected


def test_two_hundred_objects_have_a_token_each(articles: dict[str, Any]) -> None:
    many = Article.objects.bulk_create([Article(title=str(n)) for n in range(20)])
    text = html(
        "{% for a in many %}<li>" + TWO + "{% live_stats_counter obj=a %}</li>{% endfor %}", request(), many=many
    )
    assert text.count(WATCH) == text.count('data-djinsight-format="3:,"') == len(many)
