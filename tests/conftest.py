"""Fixtures: clean servers for each test, real processes, and clients that connect to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
from _pytest.terminal import TerminalReporter
from django.conf import settings
from playwright.async_api import Browser, BrowserContext

import tests.celery  # noqa: F401  the app that tasks are sent with
from djinsight import days
from djinsight.beacons import tokens
from djinsight.counting import breakers, connections, refusals, sites, states
from djinsight.history import forgetting
from djinsight.live import hub
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.faults import ledger
from tests.support import processes
from tests.support.chromium import launched, visiting
from tests.support.sockets import Page, connect_page, open_page

# Markers of tests that depend on the interpreter as little as those that are marked with ``once``.
ONCE = {"browser", "postgresql", "mariadb"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs once, and put what takes minutes first: a worker that begins with it at the end is waited for."""
    for item in items:
        if any(marker.name in ONCE for marker in item.iter_markers()):
            item.add_marker("once")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Show what became of the views in the tests of faults."""
    lines = ledger.table()
    if lines:
        terminalreporter.section("views under faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def redis_client() -> Iterator[redis.Redis]:
    """Yield a client of an empty Redis."""
    with redis.Redis.from_url(settings.DJINSIGHT_REDIS_URL) as client:
        client.flushall()
        yield client
        refusals.forget()
        states.forget()
        breakers.forget()
        forgetting.abandon()
        sites.forget()
        days.forget_offset()
    connections.close_sync()


@pytest.fixture
def article(transactional_db: None) -> Article:
    return Article.objects.create(title="A live number")


@pytest.fixture
def ref(article: Article) -> ObjectRef:
    return ObjectRef.of(article)


@pytest.fixture
def view_token(ref: ObjectRef) -> str:
    return tokens.mint("view", ref)


@pytest.fixture
def watch_token(ref: ObjectRef) -> str:
    return tokens.mint("watch", ref)


@pytest.fixture
async def open_socket(transactional_db: None) -> AsyncIterator[Callable[..., Any]]:
    """Yield a function that opens a page's socket on the consumer in this process (``await open_socket()``)."""
    pages: list[Page] = []

    async def opened(**headers: str) -> Page:
        pages.append(await open_page(**headers))
        return pages[-1]

    yield opened
    for page in pages:
        await page.close()
    await hub.aclose()
    await connections.aclose()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Yield a function that opens a page's socket on a server (``await connect(host)``)."""
    pages: list[Page] = []

    async def connected(host: str, **headers: str) -> Page:
        pages.append(await connect_page(host, **headers))
        return pages[-1]

    yield connected
    for page in pages:
        await page.close()


@pytest.fixture
def daphne(transactional_db: None) -> Iterator[Callable[..., str]]:
    """Yield a function that starts a Daphne process and returns its ``host:port``."""
    started: list[processes.Process] = []

    def start(application: str = "application", **settings: Any) -> str:
        process, host = processes.daphne(application, **settings)
        started.append(process)
        return host

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[processes.Process]:
    """Yield a Celery worker that is ready."""
    process = processes.celery_worker()
    yield process
    process.stop()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def visitor(browser: Browser) -> AsyncIterator[BrowserContext]:
    async with visiting(browser) as context:
        yield context


@pytest.fixture
def count(redis_client: redis.Redis, ref: ObjectRef) -> Callable[[], tuple[int, int]]:
    """Return a function that reads the article's counter in Redis and the number of views in the stream."""
    return lambda: (int(redis_client.get(f"djinsight:counter:{ref}") or 0), redis_client.xlen("djinsight:events"))
