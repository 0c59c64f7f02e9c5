"""Precompiled templates: rendered once for a page and then filled, unless one does more than show a value."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Template
from django.template.loader import get_template
from django.utils import translation

from djinsight.pages import precompiled
from djinsight.pages.precompiled import SHARED, Precompiled, kept

VALUES = {"total_views": {"number": 12, "digits": "12", "text": "12", "ref": "blog.term:a&b", "datetime": ""}}
OTHERS = {"total_views": {"number": 0, "digits": "0", "text": '<"none">', "ref": "blog.term:'", "datetime": ""}}


def texts(values: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the strings of ``values`` by place. A field that all statistics share has one place."""
    return {
        field if field in SHARED else f"{stat}.{field}": value
        for stat, fields in values.items()
        for field, value in fields.items()
        if isinstance(value, str)
    }


def both(source: str, **options: Any) -> tuple[str | None, str]:
    """Return another object's HTML in two ways: filled into a template precompiled with one object, and rendered."""
    template = Template(source)
    made = Precompiled.of(template, VALUES, options)
    rendered = template.render(Context({"values": OTHERS, **options}))
    return (None if made is None else made.fill(texts(OTHERS))), rendered


SIMPLE = {
    "nothing": "",
    "no values": "<b>views</b>",
    "a value": "<b>{{ values.total_views.text }}</b>",
    "several, and twice": "{% with v=values.total_views %}{{ v.text }} of {{ v.ref }}, {{ v.text }}{% endwith %}",
    "with": "{% with value=values.total_views %}<i title='{{ value.ref }}'>{{ value.digits }}</i>{% endwith %}",
    "whether there is one": "{% if values.total_views.datetime %}at{% else %}{{ values.total_views.text }}{% endif %}",
    "whether there is none": "{% if values.unique_views %}{{ values.unique_views.text }}{% endif %}!",
    "a default": "{{ values.total_views.text|default:'-' }}{{ values.total_views.datetime|default:'-' }}",
    "an option": "{% if refresh %}{{ refresh|stringformat:'d' }}{% endif %}{{ values.total_views.digits }}",
    "translated": "{% load i18n %}{% translate 'Views' %} {{ values.total_views.digits }}",
}


@pytest.mark.parametrize("source", SIMPLE.values(), ids=SIMPLE)
def test_filled_as_rendered(source: str) -> None:
    filled, rendered = both(source, refresh=30)
    assert filled == rendered


CLOSER = {
    "a number": "{{ values.total_views.number }}",
    "whether there are any": "{% if values.total_views.number %}some{% endif %}",
    "compared": "{% if values.total_views.number > 5 %}many{% endif %}",
    "a text compared": "{% if values.total_views.digits == '0' %}none{% endif %}",
    "in": "{% if 'e' in values.total_views.text %}e{% endif %}",
    "a length": "{{ values.total_views.text|length }}",
    "another case": "{{ values.total_views.text|upper }}",
    "cut": "{{ values.total_views.text|truncatechars:4 }}",
    "added": "{{ values.total_views.number|add:1 }}",
    "formatted": "{{ values.total_views.number|stringformat:'d' }}",
    "with decimals": "{{ values.total_views.number|floatformat:1 }}",
    "in short": "{% load djinsight_tags %}{{ values.total_views.number|format_view_count }}",
    "each character": "{% for each in values.total_views.digits %}{{ each }},{% endfor %}",
    "the first character": "{{ values.total_views.digits.0 }}",
    "a method": "{{ values.total_views.text.isdigit }}",
    "a plural": (
        "{% load i18n %}{% blocktranslate count n=values.total_views.number %}one"
        "{% plural %}{{ n }}{% endblocktranslate %}"
    ),
    "a part": "{% if values.total_views.ref|slice:':4' == 'blog' %}blog{% endif %}",
}


@pytest.mark.parametrize("source", CLOSER.values(), ids=CLOSER)
def test_rendered_each_time(source: str) -> None:
    filled, _ = both(source)
    assert filled is None


NAMES = ["live_stats_counter", "page_stats_display", "total_views_stat", "first_viewed_stat"]


@pytest.mark.parametrize("name", NAMES)
def test_the_package_s_own_templates(name: str) -> None:
    fields: dict[str, Any] = {
        "ref": "a",
        "stat": "b",
        "watch": "c",
        "number": 1,
        "digits": "1",
        "text": "x",
        "datetime": "d",
    }
    values = dict.fromkeys(("total_views", "unique_views", "first_viewed_at", "last_viewed_at"), fields)
    template = get_template(f"djinsight/{name}.html").template  # type: ignore[attr-defined]
    made = Precompiled.of(template, values, {"refresh_interval": 30})
    assert made is not None
    assert made.fill(texts(values)) == template.render(Context({"values": values, "refresh_interval": 30}))


# Kept for all pages

OWN = "total_views_stat"


class Making:
    """Counts how often a template was precompiled."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Precompiled:
        self.times += 1
        return Precompiled(str(self.times))


def own() -> Any:
    return get_template(f"djinsight/{OWN}.html").template  # type: ignore[attr-defined]


def test_made_once_for_each_shape_and_language() -> None:
    make, template = Making(), own()
    made = []
    for shape in ("once", "twice"):
        for language in ("en", "de"):
            with translation.override(language):
                made += [kept(template, (make, shape), make) for _ in range(3)]
    assert make.times == 4
    assert [each.pieces for each in made if each] == [[str(n)] for n in (1, 2, 3, 4) for _ in range(3)]


def test_a_template_of_a_site_is_not_kept() -> None:
    make, template = Making(), Template("{{ values.total_views.text }}")
    for _ in range(3):
        kept(template, "shape", make)
    assert make.times == 3


def test_as_many_as_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is bounded, also if a site gives each tag another ``refresh_interval``."""
    monkeypatch.setattr(precompiled, "MAX_KEPT", 5)
    monkeypatch.setattr(precompiled, "_kept", {})
    make, template = Making(), own()
    for n in range(12):
        kept(template, n, make)
        assert len(precompiled._kept) <= 5
    assert make.times == 12
