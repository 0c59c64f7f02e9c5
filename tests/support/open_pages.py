"""Open pages: their elements in Chromium, the views that they send, and their clock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from playwright.async_api import Page

from tests.support.sockets import WITHIN

TOTAL = "[data-djinsight-stat=total_views]"
SOCKET = re.compile("/ws/djinsight/")
SHOWN = """state => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
VIEWED_AGAIN = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"

Count = Callable[[], tuple[int, int]]


async def counting(count: Count, views: int) -> None:
    """Wait until the article and the stream have these views."""
    async with asyncio.timeout(WITHIN):
        while (found := count()) != (views, views):
            assert found[0] <= views
            await asyncio.sleep(0.02)


async def with_more(page: Page) -> None:
    """Advance the clock of ``page`` until the script's second file watches its connection."""
    async with asyncio.timeout(WITHIN):
        while not await page.evaluate("[...document.scripts].some(each => each.djinsight)"):
            await page.clock.run_for(1000)
    await page.clock.run_for(5000)
