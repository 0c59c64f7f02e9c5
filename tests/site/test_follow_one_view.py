"""One view on its whole way: a socket of a real Daphne, Redis, the other pages, a real Celery worker, the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from djinsight.models import PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tasks import persist
from tests.blog.models import Article
from tests.support.processes import Process
from tests.support.sockets import BROWSER, view_id

Connect = Callable[..., Any]
Daphne = Callable[..., str]


async def test_follow_one_view(
    daphne: Daphne, worker: Process, connect: Connect, article: Article, view_token: str, watch_token: str
) -> None:
    host = daphne()
    watching, viewing = await connect(host), await connect(host)
    subscribed = await watching.subscribe(watch_token)
    assert [counter["total_views"] for counter in subscribed["counters"]] == [0]

    fields = {"url": "/articles/1/?page=2", "referrer": "https://example.org/"}
    assert await viewing.view(view_token, view_id(), **fields) == {"type": "counted", "id": view_id(), "unique": True}

    counter = await watching.counter(1)
    assert counter["ref"] == f"blog.article:{article.pk}"
    assert (counter["total_views"], counter["unique_views"], counter["views_today"]) == (1, 1, 1)

    await database_sync_to_async(_persist_in_worker)(worker)
    await database_sync_to_async(_assert_persisted_once)(article)
    await database_sync_to_async(_persist_in_worker)(worker)
    await database_sync_to_async(_assert_persisted_once)(article)


async def test_two_servers_on_one_redis(
    daphne: Daphne, connect: Connect, article: Article, view_token: str, watch_token: str
) -> None:
    watching, viewing = await connect(daphne()), await connect(daphne())
    await watching.subscribe(watch_token)

    await viewing.view(view_token, view_id())

    assert (await watching.counter(1))["total_views"] == 1


def _persist_in_worker(worker: Process) -> None:
    # By the worker's log: the client of Celery 5.5.0 misses results that come while it begins to listen for them.
    worker.wait_for(rf"djinsight\.persist\[{persist.delay().id}\] succeeded")


def _assert_persisted_once(article: Article) -> None:
    log = PageViewLog.objects.get()
    assert log.content_object == article
    assert (log.view_id, log.url, log.referrer) == (view_id(), "/articles/1/?page=2", "https://example.org/")
    assert (log.ip_address, log.user_agent, log.is_unique) == ("127.0.0.0", BROWSER, True)
    totals = PageViewStatistics.objects.get()
    assert (totals.content_object, totals.total_views, totals.unique_views) == (article, 1, 1)
    assert totals.first_viewed_at == totals.last_viewed_at == log.timestamp
    day = PageViewSummary.objects.get()
    assert (day.date, day.total_views, day.unique_views) == (timezone.localdate(log.timestamp), 1, 1)
    hour = PageViewHour.objects.get()
    assert (hour.hour, hour.total_views) == (log.timestamp.replace(minute=0, second=0, microsecond=0), 1)
    assert Article.objects.get(total_views=1, last_viewed_at=log.timestamp).total_views == 1
