"""Fixtures: clean servers for each test, real processes, and clients that speak to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
from _pytest.terminal import TerminalReporter
from django.conf import settings

import tests.celery  # noqa: F401  the app that tasks are sent with
from djinsight.beacons import tokens
from djinsight.beacons.refs import ObjectRef
from djinsight.counting import breakers, connections, days, refusals, sites, states
from djinsight.history import forgetting
from djinsight.live import hub
from tests import processes
from tests.blog.models import Article
from tests.faults import ledger
from tests.sockets import Page, connect_page, open_page

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
    """A client of an empty Redis."""
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
    """Opens sockets of pages on the consumer in this process: ``page = await open_socket()``."""
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
    """Opens sockets of pages on a server: ``page = await connect(host)``."""
    pages: list[Page] = []

    async def connected(host: str, **headers: str) -> Page:
        pages.append(await connect_page(host, **headers))
        return pages[-1]

    yield connected
    for page in pages:
        await page.close()


@pytest.fixture
def daphne(transactional_db: None) -> Iterator[Callable[..., str]]:
    """Starts Daphne processes: ``host = daphne()`` is ``127.0.0.1:port`` of a new one that listens."""
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
    """A Celery worker that is ready."""
    process = processes.celery_worker()
    yield process
    process.stop()
