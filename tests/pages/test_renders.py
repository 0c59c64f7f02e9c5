"""Rendering: a page with tags reads nothing of its visitor, writes nothing, and may be cached for all visitors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils.functional import SimpleLazyObject

from djinsight.counting import live_numbers
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.sockets import BROWSER, view_id

pytestmark = pytest.mark.usefixtures("transactional_db")

TAGS = (
    "page_view_tracker",
    "page_stats_display",
    "page_analytics_widget",
    "live_stats_counter",
    *(f"{name}_stat" for name in ("total_views", "unique_views", "first_viewed", "last_viewed")),
    *(f"views_{name}_stat" for name in ("today", "week", "month")),
    "djinsight_script",
    "load_view_stats people",
    "wagtail_page_view_tracker",
    "wagtail_page_stats_display",
    "wagtail_page_analytics_widget",
)
MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]
PROCESSORS = [
    "django.template.context_processors.debug",
    "django.template.context_processors.request",
    "django.template.context_processors.csrf",
    "django.template.context_processors.i18n",
    "django.template.context_processors.tz",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
VIEW = re.compile(r'data-djinsight-view="([^"]+)"')

rendered: list[str] = []


def page(request: HttpRequest, pk: int, tag: str) -> HttpResponse:
    article = Article.objects.get(pk=pk)
    rendered.append(request.path)
    context = RequestContext(
        request,
        {
            "article": article,
            # Lazy variables that views pass to templates
            "viewer": request.user,
            "people": [article, request.user],
            "readers": (request.user, article),
            "lazy": SimpleLazyObject(lambda: request.session.get("x")),
        },
    )
    return HttpResponse(Template(f"{{% load djinsight_tags %}}{{% {tag} %}}").render(context))


urlpatterns = [path("djinsight/", include("djinsight.urls")), path("<int:pk>/<str:tag>/", page)]


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    """Configure a site as ``startproject`` does, behind Django's cache of whole pages."""
    rendered.clear()
    settings.ROOT_URLCONF = "tests.pages.test_renders"
    settings.MIDDLEWARE = MIDDLEWARE
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": PROCESSORS},
        }
    ]
    pages = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages"}
    settings.CACHES = {**django_settings.CACHES, "pages": pages}
    settings.CACHE_MIDDLEWARE_ALIAS = "pages"
    yield settings
    caches["pages"].clear()


def visitors(kind: str) -> Client:
    headers = {"user-agent": "Googlebot/2.1" if kind == "crawler" else BROWSER}
    client = Client(headers=headers)
    if kind == "signed in":
        client.force_login(User.objects.create_user("reader"))
    if kind == "unknown session":
        client.cookies["sessionid"] = "0123456789abcdefghijklmnopqrstuv"
    return client


@pytest.mark.parametrize("mode", ["cookie", "session", "anonymous"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_render_takes_and_gives_nothing(tag: str, mode: str, site: Any) -> None:
    site.DJINSIGHT_VISITOR = mode
    for kind in ("new", "signed in", "unknown session", "crawler"):
        article, client = Article.objects.create(title=kind), visitors(kind)
        rendered.clear()
        sessions, cookies = Session.objects.count(), str(client.cookies)
        with CaptureQueriesContext(connection) as captured:
            answers = [client.get(f"/{article.pk}/{tag}/") for _ in range(3)]
        for answer in answers:
            assert answer.status_code == 200
            assert not answer.cookies
            assert "Set-Cookie" not in answer.headers
            assert "Vary" not in answer.headers
            assert "private" not in answer.headers["Cache-Control"]
        assert [query["sql"] for query in captured if not query["sql"].startswith("SELECT")] == []
        assert not any("django_session" in query["sql"] for query in captured)
        assert (Session.objects.count(), str(client.cookies)) == (sessions, cookies)
        assert len(rendered) == 1  # the others get it from the cache


@pytest.mark.parametrize("mode", ["cookie", "session", "anonymous"])
def test_the_render_that_reads_nothing_else_takes_no_query_of_a_session(mode: str, site: Any) -> None:
    """With the counters in Redis, the only query is that of the article, also for a signed-in user."""
    site.DJINSIGHT_VISITOR = mode
    article, client = Article.objects.create(title="x"), visitors("signed in")
    client.get(f"/{article.pk}/live_stats_counter/")
    with CaptureQueriesContext(connection) as captured:
        client.get(f"/{article.pk}/page_view_tracker/")
    (query,) = captured
    assert query["sql"].startswith(f'SELECT "{Article._meta.db_table}"')


@pytest.mark.parametrize("mode", ["cookie", "session", "anonymous"])
def test_views_of_a_cached_page_count(mode: str, site: Any) -> None:
    site.DJINSIGHT_VISITOR = mode
    article = Article.objects.create(title="x")
    for n, kind in enumerate(("new", "signed in", "unknown session")):
        client = visitors(kind)
        found = VIEW.search(client.get(f"/{article.pk}/page_view_tracker/").content.decode())
        assert found
        frame = json.dumps({"type": "view", "id": view_id(n), "token": found[1]})
        headers = {"origin": "http://testserver"}
        answer = client.post("/djinsight/record-view/", frame, content_type="application/json", headers=headers)
        assert answer.json()["type"] == "counted"
    assert len(rendered) == 1
    ref = ObjectRef.of(article)
    assert live_numbers.read([ref])[ref].total_views == 3


def test_numbers_for_the_staff_are_not_everybodys_page(site: Any) -> None:
    """The permission to see numbers is the user's, so a cache keeps such a page apart for each user."""
    site.DJINSIGHT_ADMIN_ONLY = True
    article = Article.objects.create(title="x")
    staff, other = Client(headers={"user-agent": BROWSER}), visitors("signed in")
    staff.force_login(User.objects.create_superuser("chief"))
    answers = [client.get(f"/{article.pk}/total_views_stat/") for client in (staff, other)]
    assert [b"data-djinsight-watch" in answer.content for answer in answers] == [True, False]
    assert all("Cookie" in answer.headers["Vary"] for answer in answers)
    assert not any(answer.cookies for answer in answers)
