"""Pages in wagtail-cache: a tracker does not keep a page from the cache, and views of a cached page count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from tests.cms.models import BlogPage
from tests.support.sockets import BROWSER, view_id

VIEW = re.compile(r'data-djinsight-view="([^"]+)"')


@pytest.fixture(autouse=True)
def behind_the_cache(settings: Any) -> Iterator[None]:
    pages = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "wagtail pages"}
    settings.CACHES = {**settings.CACHES, "pages": pages}
    settings.WAGTAIL_CACHE_BACKEND = "pages"
    settings.MIDDLEWARE = [
        "wagtailcache.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "wagtailcache.cache.FetchFromCacheMiddleware",
    ]
    yield
    caches["pages"].clear()


@pytest.mark.parametrize("visitor", ["cookie", "session", "anonymous"])
def test_a_page_is_kept_and_counts(visitor: str, blog_page: Any, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = visitor
    kept = []
    for n in range(3):
        client = Client(headers={"user-agent": BROWSER})
        answer = client.get(blog_page.url)
        kept.append(answer.headers["X-Wagtail-Cache"])
        assert not answer.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")
        found = VIEW.search(answer.content.decode())
        assert found
        frame = {"type": "view", "id": view_id(n), "token": found[1], "url": blog_page.url}
        headers = {"origin": "http://testserver"}
        counted = client.post("/djinsight/record-view/", frame, "application/json", headers=headers)
        assert counted.json()["type"] == "counted"
    assert kept == ["miss", "hit", "hit"]
    assert BlogPage.objects.get(pk=blog_page.pk).total_views == 3
