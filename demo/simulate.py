"""Simulate: ``python -m demo.simulate URL N`` sends N views a second by visitors with sockets."""

from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
import sys
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

MAX_VISITORS = 300  # open sockets; past it new visitors wait, so that a slow server is not overloaded
VIEWS_A_VISIT = 4  # pages that a visitor reads on average
ANSWER_WITHIN = 10.0  # seconds

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1",
)


@dataclass(frozen=True)
class Page:
    path: str
    token: str  # grants a view
    watch: str  # grants its counters


def read(url: str, path: str) -> str:
    request = Request(urljoin(url, path), headers={"User-Agent": BROWSERS[0]})
    with urlopen(request, timeout=ANSWER_WITHIN) as answer:
        text: str = answer.read().decode()
        return text


def find_pages(url: str) -> list[Page]:
    """Return the pages that count views, the most popular first, in an order that is always the same."""
    paths: dict[str, None] = {}
    indexes = ["/", "/shop/", "/courses/"]
    if 'href="/blog/"' in read(url, "/"):
        indexes.append("/blog/")
    for index in indexes:
        paths.update(dict.fromkeys(re.findall(r'href="(/(?:articles|shop|courses|blog)/[\w-]+/)"', read(url, index))))
    pages = []
    for path in paths:
        html = read(url, path)
        token = re.search(r'data-djinsight-view="([^"]+)"', html)
        watch = re.search(r'data-djinsight-watch="([^"]+)"', html)
        if token and watch:
            pages.append(Page(path, unescape(token[1]), unescape(watch[1])))
    random.Random(7).shuffle(pages)
    return pages


async def listen(socket: ClientConnection, answers: asyncio.Queue[str]) -> None:
    """Read frames as a page does: ignore counters, answer pings, and put answers to views into ``answers``."""
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "ping":
            await socket.send(json.dumps({"type": "pong", "n": frame["n"]}))
        elif frame["type"] in {"counted", "rejected"}:
            answers.put_nowait(frame["type"])


class Audience:
    """Visitors that come, read a few pages over one socket each, and leave."""

    def __init__(self, url: str, pages: list[Page]) -> None:
        self.url = url
        self.pages = pages
        # Zipf's law: the second page has half as many views as the first, the third a third.
        self.weights = [1 / rank for rank in range(1, len(pages) + 1)]
        self.room = asyncio.Semaphore(MAX_VISITORS)

    async def come(self, rate: float) -> None:
        """Start visits, for ``rate`` views a second on average, until the process ends."""
        async with asyncio.TaskGroup() as visits:
            while True:
                await self.room.acquire()
                visits.create_task(self.visit(rate))
                await asyncio.sleep(random.expovariate(rate / VIEWS_A_VISIT))

    async def visit(self, rate: float) -> None:
        socket_url = f"ws://{urlsplit(self.url).netloc}/ws/djinsight/"
        headers = {"Cookie": f"sessionid={secrets.token_hex(16)}"}
        pause = min(3.0, MAX_VISITORS / rate / 8)
        try:
            async with connect(
                socket_url,
                origin=self.url.rstrip("/"),  # type: ignore[arg-type]
                additional_headers=headers,
                user_agent_header=random.choice(BROWSERS),
                compression=None,
                proxy=None,
            ) as socket:
                answers: asyncio.Queue[str] = asyncio.Queue()
                listening = asyncio.create_task(listen(socket, answers))
                try:
                    for page in random.choices(self.pages, self.weights, k=random.randint(1, 2 * VIEWS_A_VISIT - 1)):
                        await socket.send(json.dumps({"type": "subscribe", "tokens": [page.watch]}))
                        view = {"type": "view", "id": secrets.token_urlsafe(18), "token": page.token, "url": page.path}
                        await socket.send(json.dumps(view))
                        async with asyncio.timeout(ANSWER_WITHIN):
                            await answers.get()
                        await asyncio.sleep(random.uniform(0, 2 * pause))
                finally:
                    listening.cancel()
        except (OSError, WebSocketException, TimeoutError) as error:
            print(f"a visitor left with an error: {error!r}")
        finally:
            self.room.release()


def main() -> None:
    url, rate = sys.argv[1], float(sys.argv[2])
    asyncio.run(Audience(url, find_pages(url)).come(rate))


if __name__ == "__main__":
    main()
