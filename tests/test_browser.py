"""Two pages in Chromium, on a real server: the counter of one moves when the other loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from playwright.async_api import Browser, BrowserContext, WebSocket, async_playwright, expect

from djinsight.beacons.refs import ObjectRef
from tests.blog.models import Article
from tests.proxy import Proxy
from tests.servers import cannot_run
from tests.sockets import BROWSER

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
TOTAL = "[data-djinsight-stat=total_views]"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        cannot_run("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            # Headless Chromium names itself as a crawler would; a context's own name is not on every request.
            args=[*FLAGS, f"--user-agent={BROWSER}"],
            # Playwright turns the back/forward cache off; visitors have it on.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        await browser.close()


@pytest.fixture
async def visitor(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One browser of one visitor, whose pages have no errors."""
    context = await browser.new_context()
    context.set_default_timeout(20_000)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    yield context
    await context.close()
    assert problems == []


@pytest.fixture
def count(redis_client: redis.Redis, ref: ObjectRef) -> Callable[[], tuple[int, int]]:
    """The counter of the article in Redis and the number of views in the stream."""
    return lambda: (int(redis_client.get(f"djinsight:counter:{ref}") or 0), redis_client.xlen("djinsight:events"))


Count = Callable[[], tuple[int, int]]


async def test_the_number_moves_in_the_other_window(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    url = f"http://{daphne()}/articles/{article.pk}/"
    first, second = await visitor.new_page(), await visitor.new_page()
    requests: list[str] = []
    await first.goto(url)
    await expect(first.locator(TOTAL)).to_have_text("1")
    await expect(first.locator("html")).to_have_attribute("data-djinsight-state", "live")
    first.on("request", lambda request: requests.append(request.url))

    await second.goto(url)

    await expect(second.locator(TOTAL)).to_have_text("2")
    await expect(first.locator(TOTAL)).to_have_text("2")
    await expect(first.locator("[data-djinsight-stat=unique_views]")).to_have_text("1")
    assert requests == []  # no reload, no polling
    assert count() == (2, 2)


async def test_one_socket_a_page_for_all_its_counters(
    daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    await Article.objects.abulk_create([Article(title=f"More {n}") for n in range(30)])
    host = daphne()
    listing = await visitor.new_page()
    opened: list[WebSocket] = []
    listing.on("websocket", lambda socket: opened.append(socket))
    await listing.goto(f"http://{host}/articles/")
    await expect(listing.locator("html")).to_have_attribute("data-djinsight-state", "live")

    await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")

    numbers = listing.locator(f'[data-djinsight-ref="blog.article:{article.pk}"]{TOTAL}')
    for n in range(await numbers.count()):
        await expect(numbers.nth(n)).to_have_text("1")
    assert len(opened) == 1


async def test_a_view_is_counted_once_across_a_lost_answer(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    async with Proxy(daphne()) as proxy:
        page = await visitor.new_page()
        sent: list[dict[str, Any]] = []
        received: list[dict[str, Any]] = []

        def watch(socket: WebSocket) -> None:
            socket.on("framesent", lambda text: sent.append(json.loads(text)))
            socket.on("framereceived", lambda text: received.append(json.loads(text)))

        page.on("websocket", watch)
        proxy.swallow = b"/ws/djinsight/"
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await proxy.swallowed.wait()  # counted, and the page does not know

        proxy.swallow = b""
        proxy.cut()

        await expect(page.locator(TOTAL)).to_have_text("1")
        await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
        views = [frame["id"] for frame in sent if frame["type"] == "view"]
        assert len(views) == 2
        assert len(set(views)) == 1
        assert [frame["id"] for frame in received if frame["type"] == "counted"] == views[:1]
        assert count() == (1, 1)


async def test_without_sockets_the_view_counts_and_the_number_moves(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    url = f"http://{daphne('without_sockets')}/articles/{article.pk}/"
    first, second = await visitor.new_page(), await visitor.new_page()
    await first.goto(f"{url}?refresh=1")
    await expect(first.locator("html")).to_have_attribute("data-djinsight-state", "polling")
    await expect(first.locator(TOTAL)).to_have_text("1")

    await second.goto(url)
    await expect(second.locator("html")).to_have_attribute("data-djinsight-state", "polling")

    await expect(first.locator(TOTAL)).to_have_text("2")
    assert count() == (2, 2)


async def test_back_from_the_cache_counts_again(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate("window.kept = true")
    await page.goto(f"http://{host}/articles/")

    # Playwright waits for a load that a page from the cache does not have.
    await page.evaluate("history.back()")
    await page.wait_for_url(f"**/articles/{article.pk}/", wait_until="commit")

    await expect(page.locator(TOTAL)).to_have_text("2")
    assert await page.evaluate("window.kept") is True
    assert count() == (2, 2)


async def test_a_strict_content_security_policy(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    page = await visitor.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    answer = await page.goto(f"http://{daphne()}/articles/{article.pk}/")

    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert said == []


async def test_a_page_that_is_left_at_once_is_counted(
    daphne: Daphne, visitor: BrowserContext, connect: Any, article: Article, watch_token: str, count: Count
) -> None:
    """The socket does not open in time: the view goes out by HTTP when the page is left."""
    host = daphne()
    watching = await connect(host)
    await watching.subscribe(watch_token)
    async with Proxy(host) as proxy:
        proxy.swallow, proxy.let_through = b"/ws/djinsight/", 0
        page = await visitor.new_page()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await proxy.swallowed.wait()
        assert count() == (0, 0)

        await page.goto("about:blank")

        assert (await watching.counter(1))["total_views"] == 1
        assert count() == (1, 1)


async def test_a_number_that_is_added_later_is_live(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    host = daphne()
    listing = await visitor.new_page()
    await listing.goto(f"http://{host}/articles/")
    await expect(listing.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await listing.evaluate("""() => {
        const number = document.querySelector("[data-djinsight-stat=total_views]").cloneNode(true);
        number.id = "added";
        document.body.append(number);
    }""")

    await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")

    await expect(listing.locator("#added")).to_have_text("1")


async def test_loaded_twice_it_starts_once(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/?twice=1")
    assert await page.locator("script[data-djinsight-socket]").count() == 2
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate("document.readyState === 'complete' || new Promise(done => addEventListener('load', done))")
    assert count() == (1, 1)


async def test_every_number_of_a_page_moves(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    """Those of periods, which the page derives, the last bar of the chart, its table, and the time."""
    host = daphne()
    watching = await visitor.new_page()
    said: list[str] = []
    watching.on("console", lambda message: said.append(message.text))
    await watching.goto(f"http://{host}/articles/{article.pk}/numbers/")
    await expect(watching.locator("html")).to_have_attribute("data-djinsight-state", "live")
    bar = watching.locator("rect[data-djinsight-day]")
    await expect(bar).to_have_attribute("height", "0")
    await expect(watching.locator("[data-djinsight-stat=last_viewed_at]").first).to_have_text("never")

    for views in (1, 2):
        await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")
        for stat in ("total_views", "views_today", "views_week", "views_month"):
            numbers = watching.locator(f"span[data-djinsight-stat={stat}]")
            for n in range(await numbers.count()):
                await expect(numbers.nth(n)).to_have_text(str(views))
        await expect(bar).to_have_attribute("height", str(views))
        await expect(watching.locator("td[data-djinsight-day]")).to_have_text(str(views))

    # The chart has grown with its highest bar, which fills it.
    box = await bar.evaluate("bar => bar.getBoundingClientRect().height")
    assert round(box) == 100
    for n in range(2):
        await expect(watching.locator("[data-djinsight-stat=last_viewed_at]").nth(n)).to_contain_text("20")
    assert said == []


async def test_a_chart_keeps_the_day_that_it_was_drawn_for(
    daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    """The first view of another day is not one of the last bar's."""
    page = await visitor.new_page()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await page.evaluate("""() => {
        for (const each of document.querySelectorAll("[data-djinsight-day]")) each.dataset.djinsightDay -= 1;
    }""")

    await (await visitor.new_page()).goto(page.url.removesuffix("numbers/"))

    await expect(page.locator("span[data-djinsight-stat=views_today]").first).to_have_text("1")
    await expect(page.locator("rect[data-djinsight-day]")).to_have_attribute("height", "0")
    await expect(page.locator("td[data-djinsight-day]")).to_have_text("0")
