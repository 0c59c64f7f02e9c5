"""A further metric, ``arrivals``, on its whole way. ``tests/test_metrics.py`` runs this in a copy of the package."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.db.models import F
from django.template import Context, Template
from django.test import Client
from playwright.async_api import BrowserContext, expect

from djinsight import metrics
from djinsight.beacons.beacon import Beacon
from djinsight.counting import live_numbers
from djinsight.counting.entries import View
from djinsight.history import corrections
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count, view
from tests.support.sockets import view_id

assert [metric.name for metric in metrics.MORE] == ["arrivals"]


def arrival(ref: ObjectRef, referrer: str) -> View:
    made = view(ref)
    return made._replace(beacon=Beacon(made.beacon.view_id, ref, "/", referrer))


def count_arrivals(ref: ObjectRef, *, views: int, arrivals: int) -> None:
    assert count(arrival(ref, "https://example.org/" if n < arrivals else "") for n in range(views))


def live(ref: ObjectRef) -> tuple[int | None, int | None]:
    snapshot = live_numbers.read([ref])[ref]
    return snapshot.get("total_views"), snapshot.get("arrivals")


def persisted() -> tuple[int, int]:
    row: Any = PageViewStatistics.objects.get()
    day: Any = PageViewSummary.objects.get()
    assert (day.total_views, day.arrivals) == (row.total_views, row.arrivals)
    return row.total_views, row.arrivals


def forget(client: redis.Redis) -> None:
    """Take the counters away, and leave what is pending."""
    names = [name for name in client.scan_iter("djinsight:*") if b"blog.article" in name]
    if names:
        client.delete(*names)


def test_live_and_persisted(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_arrivals(ref, views=5, arrivals=2)
    assert live(ref) == (5, 2)
    forget(redis_client)
    assert live(ref) == (5, 2)  # from the sums over the stream
    redis_client.delete(*redis_client.scan_iter("djinsight:pending*"))
    forget(redis_client)
    assert live(ref) == (5, 2)  # from the stream itself
    persist()
    assert persisted() == (5, 2)
    count_arrivals(ref, views=3, arrivals=3)
    forget(redis_client)
    assert live(ref) == (8, 5)  # from the database and the stream
    persist()
    assert persisted() == (8, 5)
    redis_client.flushall()
    assert live(ref) == (8, 5)


def test_while_the_stream_is_full(ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 3
    count_arrivals(ref, views=9, arrivals=7)
    forget(redis_client)
    assert live(ref) == (9, 7)
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 1000
    persist()
    persist()
    assert persisted() == (9, 7)
    assert live(ref) == (9, 7)


def test_over_many_segments(ref: ObjectRef, redis_client: redis.Redis, transactional_db: None) -> None:
    """Sums are folded into hashes, and those into blocks."""
    for _ in range(90):
        count_arrivals(ref, views=100, arrivals=40)
    assert any(redis_client.type(name) == b"hash" for name in redis_client.scan_iter("djinsight:pending*"))
    forget(redis_client)
    assert live(ref) == (9000, 3600)
    persist()
    assert persisted() == (9000, 3600)


def test_queries_and_corrections(article: Article, ref: ObjectRef) -> None:
    count_arrivals(ref, views=5, arrivals=2)
    persist()
    twice = Article.objects.filter(arrivals=2).annotate(twice=F("arrivals") * 2)
    assert [each.twice for each in twice] == [4]
    assert article.arrivals == 2  # type: ignore[attr-defined]
    other = Article.objects.create(title="Another")
    corrections.merge(ref, ObjectRef.of(other))
    assert live(ObjectRef.of(other)) == (5, 2)
    assert persisted() == (5, 2)


def test_the_tag(article: Article, ref: ObjectRef) -> None:
    count_arrivals(ref, views=5, arrivals=2)
    html = Template("{% load djinsight_tags %}{% arrivals_stat obj=article %}").render(Context({"article": article}))
    assert re.search(r'data-djinsight-stat="arrivals"[^>]*>2<', html)
    assert "Arrivals" in html


def test_the_admin(ref: ObjectRef, client: Client) -> None:
    count_arrivals(ref, views=5, arrivals=2)
    persist()
    client.force_login(User.objects.create_superuser("editor"))
    for page in ("pageviewstatistics", "pageviewsummary"):
        html = client.get(f"/admin/djinsight/{page}/").content.decode()
        assert 'class="field-arrivals">2<' in html


async def test_over_the_socket(open_socket: Any, ref: ObjectRef, view_token: str, watch_token: str) -> None:
    page = await open_socket()
    answer = await page.subscribe(watch_token)
    assert answer["counters"][0]["arrivals"] == 0
    await page.view(view_token, view_id(1), referrer="https://example.org/")
    assert (await page.counter(1))["arrivals"] == 1
    await page.view(view_token, view_id(2))
    assert (await page.counter(2))["arrivals"] == 1


@pytest.mark.browser
async def test_on_an_open_page(daphne: Any, visitor: BrowserContext, article: Article) -> None:
    url = f"http://{daphne()}/articles/{article.pk}/"
    watching, viewing = await visitor.new_page(), await visitor.new_page()
    await watching.goto(f"{url}numbers/")
    shown = watching.locator("[data-djinsight-stat=arrivals]")
    await expect(shown).to_have_text("0")
    await viewing.goto(url, referer="https://example.org/")
    await expect(shown).to_have_text("1")
