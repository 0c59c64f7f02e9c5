"""A page with a tracker alone: its view goes in one request, and it opens no socket until it shows a number."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from playwright.async_api import BrowserContext, Page, Route, expect

from djinsight.beacons import tokens
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.hubs import until
from tests.support.open_pages import SHOWN, TOTAL, VIEWED_AGAIN, Count, counting, with_more
from tests.support.proxy import Proxy
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
POSTED = "**/record-view/"
STATE = "document.documentElement.dataset.djinsightState"
# Adds the number of the same page as another rendering has it, as htmx does.
NUMBER_ADDED = """async () => {
    const text = await (await fetch(location.pathname)).text();
    const other = new DOMParser().parseFromString(text, "text/html");
    document.body.append(other.querySelector(".djinsight-live-counter"));
}"""


class Opened:
    """A page, with what it sends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets: list[str] = []
        self.posts: list[dict[str, Any]] = []
        self.scripts: list[str] = []
        page.on("websocket", lambda socket: self.sockets.append(socket.url))
        page.on("request", self._requested)

    def _requested(self, request: Any) -> None:
        if request.url.endswith("/record-view/") and request.post_data:
            self.posts.append(json.loads(request.post_data))
        if request.resource_type == "script":
            self.scripts.append(request.url.rsplit("/", 1)[1])

    async def state(self, name: str) -> None:
        await expect(self.page.locator("html")).to_have_attribute("data-djinsight-state", name)


@pytest.fixture
async def opened(visitor: BrowserContext) -> Opened:
    return Opened(await visitor.new_page())


def bare(host: str, article: Article) -> str:
    return f"http://{host}/articles/{article.pk}/?bare"


async def test_one_request_and_no_socket(
    daphne: Daphne, visitor: BrowserContext, opened: Opened, article: Article, count: Count
) -> None:
    """The answer brings the cookie. The page needs no second file, however long it stays open."""
    await opened.page.clock.install()
    await opened.page.goto(bare(daphne(), article))
    await opened.state("idle")
    await opened.page.clock.run_for(60_000)
    await until(lambda: count() == (1, 1))
    assert (len(opened.posts), opened.sockets) == (1, [])
    assert set(opened.scripts) == {"djinsight.js"}
    assert [each["name"] for each in await visitor.cookies()] == ["djinsight_visitor"]
    await opened.page.reload()
    await opened.state("idle")
    assert count() == (2, 2)
    assert len({each["id"] for each in opened.posts}) == 2


async def test_each_visit_is_a_request(daphne: Daphne, opened: Opened, article: Article, count: Count) -> None:
    """The page is hidden and shown, and comes back from the back/forward cache."""
    await opened.page.goto(bare(daphne(), article))
    await opened.state("idle")
    await opened.page.evaluate(SHOWN, "hidden")
    await opened.state("paused")
    await opened.page.evaluate(SHOWN, "visible")
    await opened.state("idle")
    assert count() == (1, 1)
    async with opened.page.expect_response(POSTED):
        await opened.page.evaluate(VIEWED_AGAIN)
    await opened.state("idle")
    assert count() == (2, 2)
    assert opened.sockets == []


async def test_a_number_that_appears_opens_the_socket(
    daphne: Daphne, visitor: BrowserContext, opened: Opened, article: Article, count: Count
) -> None:
    host = daphne()
    await opened.page.goto(bare(host, article))
    await opened.state("idle")
    await opened.page.evaluate(NUMBER_ADDED)
    await opened.state("live")
    await (await visitor.new_page()).goto(bare(host, article))
    await expect(opened.page.locator(TOTAL)).to_have_text("2")
    assert len(opened.sockets) == 1
    assert count() == (2, 2)


async def test_a_number_that_appears_before_the_answer(
    daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    """The view may go over the socket as well, with the same id, and counts once."""
    answer = asyncio.Event()

    async def held(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await opened.page.route(POSTED, held)
    async with opened.page.expect_request(POSTED):
        await opened.page.goto(bare(daphne(), article))
    await opened.state("connecting")
    await opened.page.evaluate(NUMBER_ADDED)
    await opened.state("live")
    async with opened.page.expect_response(POSTED):
        answer.set()
    await expect(opened.page.locator(TOTAL)).to_have_text("1")
    await opened.page.evaluate("new Promise(done => setTimeout(done, 200))")
    assert count() == (1, 1)
    assert len({each["id"] for each in opened.posts}) == 1


FAILURES: dict[str, Any] = {
    "unavailable": {"status": 503, "json": {"type": "rejected", "reason": "unavailable"}},
    "busy": {"status": 503, "json": {"type": "rejected", "reason": "busy"}},
    "rate": {"status": 429, "json": {"type": "rejected", "reason": "rate"}},
    "a proxy's page": {"status": 502, "body": "<h1>no</h1>", "content_type": "text/html"},
    "no connection": None,
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_request_that_fails_is_sent_again(
    failure: dict[str, Any] | None, daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    failed: list[str] = []

    async def failing(route: Route) -> None:
        if failed:
            await route.continue_()
            return
        failed.append(route.request.url)
        if failure is None:
            await route.abort()
        elif "json" in failure:
            answer = failure["json"] | {"id": json.loads(route.request.post_data or "")["id"]}
            await route.fulfill(**failure | {"json": answer})
        else:
            await route.fulfill(**failure)

    await opened.page.route(POSTED, failing)
    await opened.page.goto(bare(daphne(), article))
    await opened.state("connecting")
    await counting(count, 1)
    await opened.state("idle")
    assert len(opened.posts) == 2
    assert len({each["id"] for each in opened.posts}) == 1
    assert opened.sockets == []


async def test_if_no_request_gets_through_a_socket_is_tried(
    daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    await opened.page.route(POSTED, lambda route: route.abort())
    await opened.page.clock.install()
    await opened.page.goto(bare(daphne(), article))
    await opened.state("connecting")
    async with asyncio.timeout(WITHIN):
        while not opened.sockets:
            await opened.page.clock.run_for(1000)
    await counting(count, 1)
    await opened.state("live")


async def test_a_view_that_is_refused(daphne: Daphne, opened: Opened, article: Article, count: Count) -> None:
    """A refusal that is final ends the view. The state tells of a token that the server does not accept."""

    async def forged(route: Route) -> None:
        answer = await route.fetch()
        text = re.sub('(data-djinsight-view=".{20})', r"\1x", await answer.text())
        await route.fulfill(response=answer, body=text)

    await opened.page.route("**/articles/*/**", forged)
    await opened.page.goto(bare(daphne(), article))
    await opened.state("refused")
    assert len(opened.posts) == 1
    assert count() == (0, 0)


async def test_a_page_without_an_http_path_uses_the_socket(
    daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    await opened.page.goto(bare(daphne(), article) + "&without_http")
    await opened.state("live")
    await counting(count, 1)
    assert (len(opened.sockets), opened.posts) == (1, [])


async def test_a_page_that_is_left_before_the_answer(
    daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    async with Proxy(daphne()) as proxy:
        proxy.swallow, proxy.let_through = b"/record-view/", 0
        await opened.page.goto(bare(proxy.host, article))
        await proxy.swallowed.wait()
        proxy.swallow = b""
        async with opened.page.expect_request(POSTED):
            await opened.page.evaluate(SHOWN, "hidden")
        await counting(count, 1)
    assert len({each["id"] for each in opened.posts}) == 1


async def test_offline_and_online_again(
    daphne: Daphne, visitor: BrowserContext, opened: Opened, article: Article, count: Count
) -> None:
    """A view of a page that lost its network is sent when the network is back."""
    await opened.page.goto(bare(daphne(), article))
    await opened.state("idle")
    await visitor.set_offline(True)
    await opened.page.evaluate(VIEWED_AGAIN)
    await opened.state("connecting")
    assert count() == (1, 1)
    await visitor.set_offline(False)
    await counting(count, 2)
    await opened.state("idle")
    assert opened.sockets == []


async def test_views_of_several_objects_are_of_one_visitor(
    daphne: Daphne, opened: Opened, article: Article, redis_client: redis.Redis
) -> None:
    """They go one after the other, so that all but the first have the cookie."""
    others = await Article.objects.abulk_create([Article(title=str(n)) for n in range(3)])
    trackers = "".join(
        f'<meta hidden data-djinsight-view="{tokens.mint("view", ObjectRef.of(other))}">' for other in others
    )

    async def with_others(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=(await answer.text()).replace("</body>", trackers + "</body>"))

    await opened.page.route("**/articles/*/**", with_others)
    await opened.page.goto(bare(daphne(), article))
    await opened.state("idle")
    assert redis_client.xlen("djinsight:events") == len(opened.posts) == 4
    assert len(list(redis_client.scan_iter("djinsight:session:*"))) == 1


async def test_the_second_file_is_loaded_if_the_answer_is_late(
    daphne: Daphne, opened: Opened, article: Article, count: Count
) -> None:
    async with Proxy(daphne()) as proxy:
        proxy.swallow, proxy.let_through = b"/record-view/", 0
        await opened.page.clock.install()
        await opened.page.goto(bare(proxy.host, article))
        await proxy.swallowed.wait()
        proxy.swallow = b""
        await with_more(opened.page)
        assert await opened.page.evaluate(STATE) == "connecting"
        async with opened.page.expect_response(POSTED):
            await opened.page.clock.run_for(10_000)
        await opened.page.clock.run_for(2000)
        await opened.state("idle")
    assert count() == (1, 1)
    assert len({each["id"] for each in opened.posts}) == 1
