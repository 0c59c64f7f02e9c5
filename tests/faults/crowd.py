"""A crowd of open pages on a real server: some send views as fast as they are answered, others watch the number."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.support.sockets import Page, connect_page

CONVERGES_WITHIN = 30.0  # seconds, as guaranteed by the hub's reread
PAUSE = 0.005  # seconds between two views of a page
AGAIN = 0.05  # seconds until the retry of a refused view, with the same id


class Watcher:
    """A page that shows one number, which must never go down."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.shown = 0

    async def next(self) -> None:
        """Show the numbers of the next frame."""
        frame = await next_frame(self.page)
        for counter in frame.get("counters", ()):
            total = counter["total_views"]
            assert total >= self.shown, f"a page that showed {self.shown} got {total}"
            self.shown = total


class Crowd:
    """Open pages that send views and watch, within ``async with Crowd(host, ...)``; ``finish`` ends the views."""

    def __init__(self, host: str, view_token: str, watch_token: str, viewers: int = 4, watchers: int = 3) -> None:
        self.host, self.view_token, self.watch_token = host, view_token, watch_token
        self.viewers, self.watchers = viewers, watchers
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.watching: list[Watcher] = []
        self._changed = asyncio.Condition()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._views: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Crowd:
        for _ in range(self.watchers):
            watcher = Watcher(await connect_page(self.host))
            self.watching.append(watcher)
            await watcher.page.send({"type": "subscribe", "tokens": [self.watch_token]})
            self._tasks.append(asyncio.create_task(self._watch(watcher)))
        self._views = [asyncio.create_task(self._view(await connect_page(self.host))) for _ in range(self.viewers)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stop.set()
        for task in self._tasks + self._views:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._views, return_exceptions=True)
        for watcher in self.watching:
            await watcher.page.close()

    async def until(self, condition: Callable[[], bool], within: float = 60) -> None:
        """Wait until ``condition`` holds, which is checked after each change. Raises the error of a failed watcher."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: condition() or any(task.done() for task in self._tasks))
        for task in self._tasks:
            if task.done():
                task.result()

    async def more(self, views: int) -> None:
        """Wait until ``views`` more are accepted."""
        target = self.accepted + views
        await self.until(lambda: self.accepted >= target)

    async def more_refused(self, reason: str, views: int) -> None:
        """Wait until ``views`` more are refused with ``reason``."""
        target = self.refused[reason] + views
        await self.until(lambda: self.refused[reason] >= target)

    async def finish(self) -> int:
        """Stop the viewers, wait until all their views are accepted, and return the number of accepted views."""
        self._stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*self._views)
        return self.accepted

    async def converge(self, total: int) -> None:
        """Wait until every page shows ``total``."""
        await self.until(lambda: all(watcher.shown == total for watcher in self.watching), CONVERGES_WITHIN)

    async def _watch(self, watcher: Watcher) -> None:
        try:
            while True:
                await watcher.next()
                await self._tell()
        finally:
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _view(self, page: Page) -> None:
        while not self._stop.is_set():
            view_id = secrets.token_urlsafe(12)
            while True:
                await page.send({"type": "view", "id": view_id, "token": self.view_token, "url": "/"})
                answer = await answer_to(page, view_id)
                if answer["type"] == "counted":
                    break
                self.refused[answer["reason"]] += 1
                await self._tell()
                await asyncio.sleep(AGAIN)
            self.accepted += 1
            await self._tell()
            await asyncio.sleep(PAUSE)
        await page.close()


async def answer_to(page: Page, view_id: str) -> dict[str, Any]:
    while True:
        frame = await next_frame(page)
        if frame.get("id") == view_id:
            return frame


async def next_frame(page: Page) -> dict[str, Any]:
    """Return the next frame that is no ping, without a timeout; pings are answered."""
    while True:
        frame = await page.receive(within=None)
        if frame["type"] != "ping":
            return frame
        await page.send({"type": "pong", "n": frame["n"]})
