"""Fallback: a page has the address of the HTTP fallback only if Django resolves it to our views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core import checks
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import clear_url_caches, include, path, re_path, set_script_prefix, set_urlconf
from django.utils import translation

from djinsight.doctor import services, site
from djinsight.doctor.findings import Level
from djinsight.pages import fallback

OURS = path("djinsight/", include("djinsight.urls"))


def other(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse("something else")


# URL patterns that take every path, as sites write them before the include of ours
CATCH_ALLS = {
    "Wagtail": re_path(r"^((?:[\w\-]+/)*)$", other, name="wagtail_serve"),
    # The pattern of django.contrib.flatpages.urls, without its view, which needs tables
    "flatpages": path("", include([path("<path:url>", other, name="django.contrib.flatpages.views.flatpage")])),
    "a single-page application": re_path(r"^.*$", other, name="app"),
    "one without a name": re_path(r"^", other),
    "a slug and a page": path("<slug:section>/<slug:page>/", other, name="section"),
    "a name space": path("", include(([re_path(r"^.*$", other, name="all")], "cms"))),
    "under a language": i18n_patterns(re_path(r"^.*$", other, name="app"), prefix_default_language=False)[0],
}


@pytest.fixture
def urls(settings: Any) -> Iterator[Callable[..., None]]:
    """Return a function that makes these patterns the site's urlconf."""

    def use(*patterns: Any) -> None:
        module = ModuleType("site_urls")
        module.urlpatterns = list(patterns)  # type: ignore[attr-defined]
        settings.ROOT_URLCONF = module

    yield use
    set_script_prefix("/")
    set_urlconf(None)
    clear_url_caches()


def w005() -> list[checks.CheckMessage]:
    return [each for each in checks.run_checks(tags=["djinsight"]) if each.id == "djinsight.W005"]


def http_of_a_page() -> str:
    """Return the address of the fallback that a page has for its script."""
    template = Template("{% load djinsight_tags %}{% djinsight_script %}")
    html = template.render(Context({"request": RequestFactory().get("/")}))
    return html.partition('data-djinsight-http="')[2].partition('"')[0]


@pytest.mark.parametrize("pattern", CATCH_ALLS.values(), ids=CATCH_ALLS)
def test_a_pattern_before_ours_takes_the_path(pattern: Any, urls: Callable[..., None]) -> None:
    urls(pattern, OURS)
    assert not fallback.route().works
    assert http_of_a_page() == ""
    (found,) = w005()
    assert found.msg.startswith("/djinsight/record-view/ leads to ")
    assert "before that pattern" in str(found.hint)
    # The system check agrees.
    assert Client().post("/djinsight/record-view/").content == b"something else"


@pytest.mark.parametrize("pattern", CATCH_ALLS.values(), ids=CATCH_ALLS)
def test_a_pattern_after_ours_takes_nothing(pattern: Any, urls: Callable[..., None]) -> None:
    urls(OURS, pattern)
    assert w005() == []
    assert http_of_a_page() == "/djinsight/"
    assert "type" in Client().post("/djinsight/record-view/").json()


def test_the_pattern_is_named(urls: Callable[..., None]) -> None:
    urls(CATCH_ALLS["Wagtail"], OURS)
    (found,) = w005()
    assert r'"^((?:[\w\-]+/)*)$" (wagtail_serve)' in found.msg


# Includes of our URLs, in all ways
PLACES: dict[str, tuple[Any, str]] = {
    "the root": (path("", include("djinsight.urls")), "/"),
    "a prefix": (path("stats/of/pages/", include("djinsight.urls")), "/stats/of/pages/"),
    "letters that a URL escapes": (path("počet zobrazení/", include("djinsight.urls")), None),
    "a prefix without a slash": (path("count-", include("djinsight.urls")), "/count-"),
    "another name space": (path("stats/", include("djinsight.urls", namespace="stats")), "/stats/"),
    "a regular expression": (re_path(r"^stats/", include("djinsight.urls")), "/stats/"),
}


@pytest.mark.parametrize(("pattern", "prefix"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("script", ["/", "/app/"])
def test_ours_anywhere(script: str, pattern: Any, prefix: str | None, urls: Callable[..., None]) -> None:
    urls(pattern, CATCH_ALLS["a single-page application"])
    set_script_prefix(script)
    assert w005() == []
    found = http_of_a_page()
    assert found.startswith(script)
    if prefix is not None:
        assert found == script + prefix.lstrip("/")


def test_under_a_language(urls: Callable[..., None], settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    urls(*i18n_patterns(OURS, CATCH_ALLS["Wagtail"]))
    assert w005() == []
    with translation.override("de"):
        assert http_of_a_page() == "/de/djinsight/"
    urls(*i18n_patterns(CATCH_ALLS["Wagtail"], OURS))
    assert [each.msg.partition(" ")[0] for each in w005()] == ["/en/djinsight/record-view/"]


def test_in_the_second_language_only(urls: Callable[..., None], settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    urls(re_path(r"^de/.*$", other), *i18n_patterns(OURS, prefix_default_language=False))
    assert [each.msg.partition(" ")[0] for each in w005()] == ["/de/djinsight/record-view/"]


def test_of_the_host(urls: Callable[..., None]) -> None:
    """A middleware that chooses the urlconf by the host sets it on the request."""
    urls(OURS)
    assert http_of_a_page() == "/djinsight/"
    module = ModuleType("urls_of_a_host")
    module.urlpatterns = [CATCH_ALLS["Wagtail"], OURS]  # type: ignore[attr-defined]
    set_urlconf(module)
    assert http_of_a_page() == ""
    module = ModuleType("urls_of_another_host")
    module.urlpatterns = [path("other/", include("djinsight.urls"))]  # type: ignore[attr-defined]
    set_urlconf(module)
    assert http_of_a_page() == "/other/"


def test_one_of_two_is_enough(urls: Callable[..., None]) -> None:
    """With two includes, Django reverses the last and resolves the first. Both are ours."""
    urls(OURS, path("again/", include("djinsight.urls")))
    assert w005() == []


def test_new_urls_are_looked_at(urls: Callable[..., None], settings: Any) -> None:
    urls(OURS)
    assert http_of_a_page() == "/djinsight/"
    settings.ROOT_URLCONF.urlpatterns.insert(0, CATCH_ALLS["Wagtail"])
    clear_url_caches()
    assert http_of_a_page() == ""


def test_the_doctor_says_it_once(urls: Callable[..., None]) -> None:
    urls(CATCH_ALLS["Wagtail"], OURS)
    problems = [each for each in services.settings() if each.level is Level.PROBLEM]
    assert [each.code for each in problems] == ["djinsight.W005"]
    assert list(site.fallback(site.Site("http://127.0.0.1:1/"))) == []
