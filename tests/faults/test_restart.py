"""Restart: Daphne ends while a thousand pages are open. No view is lost, and the pages reconnect one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import redis
from channels.db import database_sync_to_async
from playwright.async_api import BrowserContext, expect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from djinsight.history.persist import persist
from djinsight.models import PageViewLog, PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support import processes
from tests.support.sockets import Page, connect_page, view_id

pytestmark = pytest.mark.once

PAGES = 1000
VIEWS = 5  # of each page
TOTAL = PAGES * VIEWS
TABS = 12


class Server:
    """A Daphne that can be stopped and started again at the same address."""

    def __init__(self) -> None:
        self.process, self.host = processes.daphne()

    async def restart(self) -> None:
        await self.stop()
        port = int(self.host.rpartition(":")[2])
        self.process, _ = await asyncio.to_thread(processes.daphne, port=port)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)  # SIGTERM


@pytest.fixture
async def server(transactional_db: None) -> AsyncIterator[Server]:
    server = await asyncio.to_thread(Server)
    yield server
    await server.stop()


async def test_no_counted_view_is_lost(
    server: Server, ref: ObjectRef, view_token: str, redis_client: redis.Redis
) -> None:
    """Pages send views, and retry unacknowledged ones, with the same id, on the restarted server."""
    acknowledged: set[int] = set()
    some = asyncio.Event()
    back = asyncio.Event()
    room = asyncio.Semaphore(50)  # handshakes at once, as the back-off of pages spreads them

    async def opened() -> Page:
        while True:
            async with room:
                with suppress(OSError, InvalidHandshake, TimeoutError):
                    return await connect_page(server.host)
            await back.wait()

    async def visit(n: int, page: Page) -> Page:
        for view in range(n * VIEWS, (n + 1) * VIEWS):
            while view not in acknowledged:
                try:
                    frame = await page.view(view_token, view_id(view))
                    assert (frame["type"], frame["id"]) == ("counted", view_id(view))
                    acknowledged.add(view)
                except ConnectionClosed:
                    await back.wait()
                    page = await opened()
            if len(acknowledged) == TOTAL // 4:
                some.set()
        return page

    pages = await asyncio.gather(*(opened() for _ in range(PAGES)))
    visits = [asyncio.ensure_future(visit(n, page)) for n, page in enumerate(pages)]
    await some.wait()
    await server.restart()
    told = len(acknowledged)
    counted = redis_client.xlen("djinsight:events")
    assert told <= counted  # every acknowledged view is counted
    assert told < TOTAL
    back.set()
    pages = await asyncio.gather(*visits)
    print(
        f"\n{PAGES} sockets, {TOTAL} views; after SIGTERM {told} acknowledged and {counted} counted; {TOTAL} in the end"
    )

    assert len(acknowledged) == TOTAL
    assert int(redis_client.get(f"djinsight:counter:{ref}")) == TOTAL
    await database_sync_to_async(persist)()
    assert await PageViewLog.objects.acount() == TOTAL
    assert (await PageViewStatistics.objects.aget()).total_views == TOTAL
    await asyncio.gather(*(page.close() for page in pages))


@pytest.mark.browser
async def test_pages_come_back_one_by_one(server: Server, visitor: BrowserContext, article: Article) -> None:
    """Each page waits a random time of one to three seconds before its first attempt."""
    delays: list[float] = []
    await visitor.expose_function("delayed", lambda ms: delays.append(ms))
    await visitor.add_init_script(
        "const original = setTimeout;"
        # Report the waits for another socket: they have a random length, and are shorter than those of announcements.
        "window.setTimeout = (f, ms, ...more) => {"
        "    const { djinsightState: state } = document.documentElement.dataset;"
        "    if (state === 'connecting' && ms % 1 && ms > 900 && ms < 4000) delayed(ms);"
        "    return original(f, ms, ...more);"
        "};"
    )
    tabs: list[Any] = []
    for _ in range(TABS):
        tabs.append(await visitor.new_page())
        await tabs[-1].goto(f"http://{server.host}/articles/{article.pk}/")
        await expect(tabs[-1].locator("html")).to_have_attribute("data-djinsight-state", "live")
    assert delays == []

    await server.restart()
    for tab in tabs:
        await expect(tab.locator("html")).to_have_attribute("data-djinsight-state", "live")

    first = delays[:TABS]
    print(f"\nthe first attempts after {sorted(round(each) for each in first)} ms")
    assert all(1000 <= each <= 3000 for each in first)
    assert max(first) - min(first) > 200
    assert len(set(first)) == TABS
