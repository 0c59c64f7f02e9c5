"""Liveness: a page is live only while messages arrive, and a view counts once over whichever transport."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from playwright.async_api import BrowserContext, Page, Route, WebSocketRoute, expect

from djinsight.beacons import tokens
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.open_pages import SHOWN, SOCKET, TOTAL, VIEWED_AGAIN, counting, with_more
from tests.support.proxy import Proxy
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
Count = Callable[[], tuple[int, int]]
STATE = "document.documentElement.dataset.djinsightState"


async def state(page: Page, name: str) -> None:
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", name)


async def test_a_connection_that_dies_without_a_word(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """After sleep, or in another network, the browser never learns that the connection has ended."""
    host = daphne()
    async with Proxy(host) as proxy:
        page = await visitor.new_page()
        await page.clock.install()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await expect(page.locator(TOTAL)).to_have_text("1")
        await state(page, "live")
        await with_more(page)
        proxy.silence()
        await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")
        await counting(count, 2)
        opened: list[object] = []
        page.on("websocket", lambda socket: opened.append(socket))
        await page.clock.fast_forward(50_000)
        async with asyncio.timeout(WITHIN):
            while not opened:
                await page.clock.run_for(500)
        await expect(page.locator(TOTAL)).to_have_text("2")
        await state(page, "live")


async def test_a_proxy_that_swallows_frames(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """If the socket opens but brings no message, the page does not stay live, and the view goes over HTTP."""
    page = await visitor.new_page()
    await page.route_web_socket(SOCKET, lambda socket: None)
    await page.clock.install()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/")
    await state(page, "live")
    async with page.expect_response("**/record-view/"):
        await with_more(page)
    await state(page, "polling")
    await expect(page.locator(TOTAL)).to_have_text("1")
    for _ in range(6):
        await page.clock.run_for(10_000)
        assert await page.evaluate(STATE) == "polling"
    assert count() == (1, 1)


async def test_a_view_without_an_answer_on_a_connection_that_lives(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()

    def far_end(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda text: None if '"view"' in str(text) else server.send(text))

    await page.route_web_socket(SOCKET, far_end)
    answer = asyncio.Event()

    async def held(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await page.route("**/record-view/", held)
    await page.clock.install()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/")
    await state(page, "live")
    async with page.expect_request("**/record-view/"):
        await with_more(page)
        await page.clock.run_for(6000)
    await state(page, "connecting")  # not live, although pings arrive
    async with page.expect_response("**/record-view/"):
        answer.set()
    await page.clock.run_for(2000)
    await state(page, "live")
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert count() == (1, 1)


@pytest.mark.parametrize("failure", ["502", "200 with HTML", "no connection"])
async def test_a_request_that_fails_is_sent_again(
    failure: str, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()
    failures: list[str] = []

    async def failing(route: Route) -> None:
        failures.append(route.request.url)
        if len(failures) > 2:
            await route.continue_()
        elif failure == "no connection":
            await route.abort()
        else:
            await route.fulfill(status=int(failure[:3]), body="<h1>no</h1>", content_type="text/html")

    await page.route("**/record-view/", failing)
    await page.goto(f"http://{daphne('without_sockets')}/articles/{article.pk}/?refresh=1")
    await expect(page.locator(TOTAL)).to_have_text("1")  # after two retries with back-off
    assert len(failures) == 3
    assert count() == (1, 1)


async def test_back_online_nothing_waits(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    """The server is unreachable while the browser is offline."""
    host = daphne()
    async with Proxy(host) as proxy:
        page = await visitor.new_page()
        await page.clock.install()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await state(page, "live")
        await with_more(page)
        await visitor.set_offline(True)
        proxy.target = "127.0.0.1:9"  # nothing listens there
        proxy.cut()
        async with asyncio.timeout(WITHIN):
            while await page.evaluate(STATE) != "polling":
                await page.clock.run_for(1000)
        await page.clock.run_for(120_000)
        await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))  # from here on, no timer fires
        proxy.target = host
        await visitor.set_offline(False)
        await state(page, "live")


async def test_a_page_of_another_key_is_refused(
    daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef, count: Count
) -> None:
    """A page with tokens of another SECRET_KEY keeps its old numbers, and its state says so."""
    page = await visitor.new_page()
    other = tokens.mint("watch", ref).rsplit(":", 1)[0] + ":" + "x" * 43

    async def forged(route: Route) -> None:
        answer = await route.fetch()
        text = re.sub('(data-djinsight-(?:view|watch))="[^"]+"', rf'\1="{other}"', await answer.text())
        await route.fulfill(response=answer, body=text)

    await page.route("**/articles/*/", forged)
    await page.clock.install()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/")
    await state(page, "refused")
    for _ in range(6):
        await page.clock.run_for(10_000)
        assert await page.evaluate(STATE) == "refused"
    assert count() == (0, 0)


@pytest.mark.parametrize("application", ["application", "without_sockets"])
async def test_a_key_that_is_changed(
    application: str, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """If SECRET_KEY changes without a fallback, an open page is refused, and live again when the key is back."""
    host, other = daphne(), daphne(application, SECRET_KEY="of another deployment")
    async with Proxy(host) as proxy:
        page = await visitor.new_page()
        await page.clock.install()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await expect(page.locator(TOTAL)).to_have_text("1")
        for target, name in ((other, "refused"), (host, "live")):
            proxy.target = target
            proxy.cut()
            async with asyncio.timeout(WITHIN):
                while await page.evaluate(STATE) != name:
                    await page.clock.run_for(1000)
            await page.clock.run_for(20_000)
            assert await page.evaluate(STATE) == name
    assert count() == (1, 1)


async def test_a_view_is_not_sent_after_its_id_is_forgotten(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count, redis_client: object
) -> None:
    """The handshake is not answered, the tab is hidden after 3 s, and shown again after 21 minutes."""
    async with Proxy(daphne()) as proxy:
        proxy.swallow, proxy.let_through = b"/ws/djinsight/", 0
        page = await visitor.new_page()
        await page.clock.install()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await proxy.swallowed.wait()
        await page.clock.run_for(3000)
        async with page.expect_request("**/record-view/"):
            await page.evaluate(SHOWN, "hidden")
        await counting(count, 1)
        for key in redis_client.scan_iter("djinsight:*view*"):  # type: ignore[attr-defined]
            redis_client.delete(key)  # type: ignore[attr-defined]

        proxy.swallow = b""
        await page.clock.fast_forward(21 * 60_000)
        sent: list[str] = []
        page.on("websocket", lambda opened: opened.on("framesent", lambda text: sent.append(str(text))))
        page.on("request", lambda request: sent.append(request.url))
        await page.evaluate(SHOWN, "visible")
        await state(page, "live")
        await expect(page.locator(TOTAL)).to_have_text("1")
        await page.evaluate(VIEWED_AGAIN)  # another visit is another view
        await expect(page.locator(TOTAL)).to_have_text("2")
        assert len([each for each in sent if '"view"' in each or "record-view" in each]) == 1
    assert count() == (2, 2)
