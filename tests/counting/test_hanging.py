"""A Redis that hangs: one page finds out, the others show the database's numbers, and views are refused in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Template

from djinsight.counting import breakers, connections, live_numbers
from djinsight.counting.recorder import Recorder
from djinsight.exceptions import Reason, Rejected
from djinsight.history.persist import persist
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views, view
from tests.support.private_redis import Server, stopped

pytestmark = pytest.mark.usefixtures("transactional_db")

THREADS = 10
PATIENCE = 2.0  # seconds: far from what a page takes, and from ten times of it


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Server]:
    with Server(tmp_path / "redis") as server:
        settings.DJINSIGHT_REDIS_URL = server.url
        settings.DJINSIGHT_PAGE_TIMEOUT = PATIENCE
        yield server
        connections.close_sync()


def at_once(read: Callable[[], int], threads: int = THREADS) -> tuple[list[int], list[float]]:
    """Return what ``threads`` threads read at the same time, and how many seconds each of them took."""
    ready = threading.Barrier(threads)

    def one() -> tuple[int, float]:
        connection.ensure_connection()
        ready.wait()
        began = monotonic()
        try:
            return read(), monotonic() - began
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        done = [each.result() for each in [pool.submit(one) for _ in range(threads)]]
    return [value for value, _ in done], [seconds for _, seconds in done]


def waited(seconds: list[float]) -> int:
    """How many of them waited for the whole timeout."""
    return sum(each >= PATIENCE for each in seconds)


def readers(article: Article) -> dict[str, Callable[[], int]]:
    template = Template("{% load djinsight_tags %}{% total_views_stat %}")
    ref = ObjectRef.of(article)
    return {
        "totals": lambda: live_numbers.read([ref])[ref].total_views,
        "an attribute": lambda: article.total_views,  # type: ignore[attr-defined]
        "a tag": lambda: 3 if ">3<" in template.render(Context({"article": article})) else -1,
    }


@pytest.mark.parametrize("reader", ["totals", "an attribute", "a tag"])
def test_one_page_finds_out(reader: str, server: Server, article: Article) -> None:
    read = readers(article)[reader]
    count_views(ObjectRef.of(article), 3)
    persist()
    assert read() == 3
    with stopped(server):
        # All at once, before it is known: one waits for all of the timeout.
        values, seconds = at_once(read)
        assert values == [3] * THREADS
        assert waited(seconds) == 1
        # Known: none waits.
        values, seconds = at_once(read)
        assert values == [3] * THREADS
        assert waited(seconds) == 0
        # To be found out again: one waits.
        breakers.of(0)._until = monotonic()
        values, seconds = at_once(read)
        assert values == [3] * THREADS
        assert waited(seconds) == 1
    breakers.of(0)._until = monotonic()
    count_views(ObjectRef.of(article), 1)
    if reader != "a tag":
        assert at_once(read, 1)[0] == [4]
        assert at_once(read)[0] == [4] * THREADS


def test_deleting_waits_as_long_as_a_page(server: Server, article: Article) -> None:
    count_views(ObjectRef.of(article), 1)
    with stopped(server):
        began = monotonic()
        article.delete()
        assert monotonic() - began < 2 * PATIENCE


def test_the_worker_has_its_own_timeout(server: Server, settings: Any, ref: ObjectRef) -> None:
    settings.DJINSIGHT_REDIS_TIMEOUT = 30
    with connections.patience(1):
        pages = connections.sync_client(0)
    worker = connections.sync_client(0)
    assert pages.connection_pool.connection_kwargs["socket_timeout"] == 1
    assert worker.connection_pool.connection_kwargs["socket_timeout"] == 30


def test_a_shorter_timeout_of_redis_is_that_of_pages_too(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_TIMEOUT = 0.25
    with breakers.of(0).asking():
        assert connections.sync_client(0).connection_pool.connection_kwargs["socket_timeout"] == 0.25


def test_an_error_that_is_an_answer_does_not_rest(server: Server, article: Article) -> None:
    """Redis answers; it is not asked in vain."""
    ref = ObjectRef.of(article)
    count_views(ref, 2)
    assert live_numbers.read([ref])[ref].total_views == 2
    with server.client() as client:
        client.config_set("maxmemory", "1")
    assert live_numbers.read([ref])[ref].total_views == 2
    assert live_numbers.read([ObjectRef("blog", "article", "77")])  # to be loaded, for which there is no room
    assert live_numbers.read([ref])[ref].total_views == 2


async def test_views_are_refused_and_count_on(server: Server, ref: ObjectRef) -> None:
    recording = Recorder(lambda snapshots: None)
    await recording.record(view(ref))
    with stopped(server):
        with pytest.raises(Rejected) as refused:
            await recording.record(view(ref))
        assert refused.value.reason is Reason.UNAVAILABLE
    await asyncio.gather(*(recording.record(view(ref)) for _ in range(3)))
    await recording.aclose()
    await connections.aclose()


def test_many_deletions_do_not_wait_one_by_one(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    articles = [Article.objects.create(title=str(n)) for n in range(10)]
    with stopped(server):
        began = monotonic()
        for each in articles:
            each.delete()
        # Ten timeouts would be twenty seconds.
        assert monotonic() - began < 4 * PATIENCE
        # A page still finds out.
        breakers.of(0)._until = monotonic()
        assert at_once(lambda: live_numbers.read([ObjectRef("blog", "article", "1")]) and 0, 2)[0] == [0, 0]
    assert len([each for each in caplog.records if "deleted objects" in each.getMessage()]) == 1
