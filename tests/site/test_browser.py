"""Two pages in Chromium, on a real server: the counter of one moves when the other loads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import (
    BrowserContext,
    Route,
    WebSocket,
    WebSocketRoute,
    expect,
)

from djinsight.beacons import tokens
from djinsight.counting import live_numbers
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.open_pages import SHOWN, SOCKET, TOTAL, VIEWED_AGAIN, Count
from tests.support.proxy import Proxy
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]


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
        await proxy.swallowed.wait()  # the view is counted, but the page does not know

        proxy.swallow = b""
        proxy.cut()

        await expect(page.locator(TOTAL)).to_have_text("1")
        await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
        views = [frame["id"] for frame in sent if frame["type"] == "view"]
        assert len(views) == 2
        assert len(set(views)) == 1
        assert [frame["id"] for frame in received if frame["type"] == "counted"] == views[:1]
        assert count() == (1, 1)


@pytest.mark.parametrize("application", ["without_sockets", "without_sockets_by_django"])
async def test_without_sockets_the_view_counts_and_the_number_moves(
    application: str, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    url = f"http://{daphne(application)}/articles/{article.pk}/"
    first, second = await visitor.new_page(), await visitor.new_page()
    await first.goto(f"{url}?refresh=1")
    await expect(first.locator("html")).to_have_attribute("data-djinsight-state", "polling")
    await expect(first.locator(TOTAL)).to_have_text("1")

    await second.goto(url)
    await expect(second.locator("html")).to_have_attribute("data-djinsight-state", "polling")

    await expect(first.locator(TOTAL)).to_have_text("2")
    assert count() == (2, 2)


async def test_where_the_policy_forbids_sockets(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """If a policy forbids the socket, Chromium fires an error event and no close event."""
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/?refresh=1&connect-src=http://{host}")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "polling")
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert count() == (1, 1)


@pytest.mark.parametrize(
    "how", ["delete window.WebSocket", "window.WebSocket = class { constructor() { throw 'no' } }"]
)
async def test_in_a_browser_that_makes_no_sockets(
    how: str, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()
    await page.add_init_script(how)
    await page.goto(f"http://{daphne()}/articles/{article.pk}/?refresh=1")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "polling")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate(VIEWED_AGAIN)
    await expect(page.locator(TOTAL)).to_have_text("2")
    assert count() == (2, 2)


async def test_a_handshake_that_nobody_answers(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """A proxy without WebSockets leaves the handshake unanswered, and the browser alone would wait for minutes."""
    async with Proxy(daphne()) as proxy:
        proxy.swallow, proxy.let_through = b"/ws/djinsight/", 0
        page = await visitor.new_page()
        await page.clock.install()
        await page.goto(f"http://{proxy.host}/articles/{article.pk}/")
        await proxy.swallowed.wait()
        assert await page.evaluate("document.documentElement.dataset.djinsightState") == "connecting"
        async with asyncio.timeout(WITHIN):
            while await page.evaluate("document.documentElement.dataset.djinsightState") != "polling":
                await page.clock.run_for(1000)
        await expect(page.locator(TOTAL)).to_have_text("1")
    assert count() == (1, 1)


async def test_without_sockets_a_page_shows_its_own_view(
    daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    """The page asks for the numbers when its view is counted, and not again for a minute."""
    page = await visitor.new_page()
    seen: list[str] = []
    page.on("response", lambda response: seen.append("answered " + response.url.rsplit("/", 2)[1]))
    page.on("request", lambda request: seen.append("asked " + request.url.rsplit("/", 2)[1]))
    await page.goto(f"http://{daphne('without_sockets')}/articles/{article.pk}/?refresh=60")
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert seen.index("answered record-view") < seen.index("asked page-stats")


async def test_back_from_the_cache_counts_again(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate("window.kept = true")
    await page.goto(f"http://{host}/articles/")

    # Not Playwright's go_back(), which waits for a load event that a page from the cache does not have.
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
    """If the socket does not open in time, the view goes out over HTTP when the page is left."""
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


async def test_a_page_that_is_changed_into_another(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    """A morph, as of htmx, keeps the elements, and gives them the attributes and texts of the other page."""
    host = daphne()
    other = await Article.objects.acreate(title="Another")
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate(f"url => {FETCHED}.then(other => ({MORPHED})(other))", other.get_absolute_url())
    await expect(page.locator(TOTAL)).to_have_attribute("data-djinsight-ref", str(ObjectRef.of(other)))
    await expect(page.locator(TOTAL)).to_have_text("1")

    await (await visitor.new_page()).goto(f"http://{host}{other.get_absolute_url()}")

    await expect(page.locator(TOTAL)).to_have_text("2")


async def test_a_new_right_in_place_of_one_that_is_over(
    daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef
) -> None:
    """A page whose watch token has expired goes live again when it gets another token."""
    host = daphne()
    page = await visitor.new_page()
    refused = asyncio.Event()
    page.on("websocket", lambda opened: opened.on("framereceived", lambda frame: "expired" in frame and refused.set()))
    await page.goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate(SHOWN, "hidden")
    await page.evaluate(GIVEN, tokens.mint("watch", ref, max_age=-60))
    await page.evaluate(SHOWN, "visible")
    await asyncio.wait_for(refused.wait(), WITHIN)

    await page.evaluate(GIVEN, tokens.mint("watch", ref, max_age=3600))

    await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("2")


async def test_loaded_twice_it_starts_once(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/?twice=1")
    assert await page.locator("script[data-djinsight-socket]").count() > 1
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate("document.readyState === 'complete' || new Promise(done => addEventListener('load', done))")
    assert count() == (1, 1)


async def test_every_number_of_a_page_moves(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    """A view moves the numbers of periods, the last bar of the chart, its table, and the time."""
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

    # The chart has grown with its highest bar, which still fills it.
    box = await bar.evaluate("bar => bar.getBoundingClientRect().height")
    assert round(box) == 100
    for n in range(2):
        await expect(watching.locator("[data-djinsight-stat=last_viewed_at]").nth(n)).to_contain_text("20")
    assert said == []


async def test_a_number_of_a_week_that_lacks_its_total_stays(
    daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    """A site's own template may lack the total, without which the script cannot derive the number of the week."""
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    week = page.locator("span[data-djinsight-stat=views_week]").first
    await week.evaluate(
        """week => {
            for (const name of ["Total", "Value", "Since"]) delete week.dataset["djinsight" + name];
            week.textContent = "5";
        }"""
    )

    await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")

    await expect(page.locator(f"span{TOTAL}").first).to_have_text("1")
    await expect(week).to_have_text("5")


@pytest.mark.parametrize(("locale", "zone"), [("x", "Europe/Prague"), ("en", "Nowhere/At_All")])
async def test_a_language_or_a_zone_that_the_browser_does_not_know(
    locale: str, zone: str, daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await page.evaluate(
        """([locale, zone]) => {
            const config = document.querySelector("script[data-djinsight-socket]").dataset;
            config.djinsightLocale = locale;
            config.djinsightZone = zone;
        }""",
        [locale, zone],
    )

    await (await visitor.new_page()).goto(f"http://{host}/articles/{article.pk}/")

    await expect(page.locator(f"span{TOTAL}").first).to_have_text("1")
    await expect(page.locator("[data-djinsight-stat=last_viewed_at]").first).to_contain_text("20")


@pytest.mark.parametrize("viewed", [True, False])
async def test_times_are_in_one_line_on_a_phone(
    viewed: bool, daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef
) -> None:
    """Each time is next to its label, and no element is wider than the screen."""
    if viewed:
        count_views(ref, 1)
    page = await visitor.new_page()
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"http://{daphne()}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")

    times = page.locator(".djinsight-page-stats [data-djinsight-stat$=_viewed_at]")
    measured = await times.evaluate_all(
        """times => times.map(time => {
            if (time.dateTime) time.textContent = "Sept. 27, 2026, 10:47 p.m.";
            const label = time.closest(".djinsight-stat-item").querySelector("dt").getBoundingClientRect();
            const own = time.getBoundingClientRect();
            const beside = own.left >= label.right && own.top < label.bottom && own.bottom > label.top;
            return [time.localName, time.getClientRects().length, beside];
        })"""
    )
    assert measured == [["time" if viewed else "span", 1, True]] * 2
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_chart_keeps_the_day_that_it_was_drawn_for(
    daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    """The first view of the next day does not count for the last bar."""
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


FETCHED = "fetch(url).then(a => a.text()).then(text => new DOMParser().parseFromString(text, 'text/html'))"


GIVEN = "token => document.querySelectorAll('[data-djinsight-watch]').forEach(e => e.dataset.djinsightWatch = token)"
MORPHED = """other => {
    const there = document.querySelectorAll("[data-djinsight-ref]");
    other.querySelectorAll("[data-djinsight-ref]").forEach((to, n) => {
        for (const { name, value } of to.attributes) there[n].setAttribute(name, value);
        if (to.firstChild) there[n].firstChild.data = to.textContent;
    });
}"""


async def test_told_not_to_reconnect_a_page_counts_by_http(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    host = daphne()
    other = await Article.objects.acreate(title="Another")
    page = await visitor.new_page()
    opened: list[WebSocketRoute] = []

    async def far_end(socket: WebSocketRoute) -> None:
        opened.append(socket)
        if len(opened) == 1:
            await socket.close(code=4402)
        else:
            socket.connect_to_server()

    await page.route_web_socket(SOCKET, far_end)
    await page.goto(f"http://{host}/articles/{article.pk}/?refresh=1")
    await expect(page.locator(TOTAL)).to_have_text("1")
    await page.evaluate(SHOWN, "hidden")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "paused")
    await page.evaluate(SHOWN, "visible")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "polling")

    await page.evaluate(VIEWED_AGAIN)

    await expect(page.locator(TOTAL)).to_have_text("2")
    assert count() == (2, 2)
    assert len(opened) == 1

    # Another page replaces it, as with Turbo. Afterwards the same token may count again.
    await page.evaluate(
        f"url => {FETCHED}.then(other => document.body.replaceWith(other.body))", other.get_absolute_url()
    )
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert len(opened) == 2


async def test_told_not_to_reconnect_a_page_asks_for_what_is_not_expired(
    daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef, watch_token: str
) -> None:
    page = await visitor.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url.rsplit("/", 2)[1]))

    async def expired(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace(watch_token, tokens.mint("watch", ref, max_age=-60))
        await route.fulfill(response=answer, body=text)

    await page.route("**/articles/*/", expired)
    await page.route_web_socket(SOCKET, lambda socket: socket.close(code=4402))
    async with page.expect_response("**/page-stats/") as asked, page.expect_response("**/record-view/") as counted:
        await page.goto(f"http://{daphne()}/articles/{article.pk}/")
    await (await asked.value).finished()
    await (await counted.value).finished()
    await page.evaluate(SHOWN, "hidden")

    async with page.expect_response("**/record-view/") as counted:
        await page.evaluate(SHOWN, "visible")
        await page.evaluate(VIEWED_AGAIN)

    assert (await counted.value).ok
    assert requests.count("page-stats") == 1


async def test_a_refresh_interval_is_kept(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    page = await visitor.new_page()
    asked: list[str] = []
    page.on("request", lambda request: request.url.endswith("/page-stats/") and asked.append(request.url))
    await page.clock.install()
    await page.route_web_socket(SOCKET, lambda socket: socket.close(code=4400))
    async with page.expect_response("**/page-stats/"):
        await page.goto(f"http://{daphne()}/articles/{article.pk}/?refresh=3600")

    await page.clock.run_for(3_000_000)
    assert len(asked) == 1
    async with page.expect_response("**/page-stats/"):
        await page.clock.run_for(601_000)
    assert len(asked) == 2


async def test_where_the_first_hundred_go_the_others_are_live(daphne: Daphne, visitor: BrowserContext) -> None:
    await Article.objects.abulk_create([Article(title=f"More {n}") for n in range(130)])
    last = await Article.objects.alatest("pk")
    host = daphne()
    listing = await visitor.new_page()
    await listing.goto(f"http://{host}/articles/")
    await expect(listing.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await listing.evaluate("[...document.querySelectorAll('p')].slice(0, 100).forEach(each => each.remove())")

    await (await visitor.new_page()).goto(f"http://{host}/articles/{last.pk}/")

    await expect(listing.locator(f'[data-djinsight-ref="{ObjectRef.of(last)}"]{TOTAL}').first).to_have_text("1")


async def test_what_was_rendered_later_stays(
    daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef
) -> None:
    """A page is rendered again in place, with newer numbers than those of the socket."""
    page = await visitor.new_page()
    far_ends: list[WebSocketRoute] = []
    await page.route_web_socket(SOCKET, lambda socket: far_ends.append(socket))
    count_views(ref, 1)
    await page.goto(f"http://{daphne()}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    counter = live_numbers.read([ref])[ref].as_counter()
    far_ends[0].send(json.dumps({"type": "counters", "counters": [counter]}))
    await page.wait_for_function("djinsight.counters.size")
    count_views(ref, 2)

    await page.evaluate(
        f"""url => {FETCHED}.then(other => {{
        document.body.replaceWith(other.body);
        djinsight.scan();
    }})""",
        page.url,
    )

    await expect(page.locator("span[data-djinsight-stat=views_today]").first).to_have_text("3")
    await expect(page.locator("rect[data-djinsight-day]")).to_have_attribute("height", "3")
    counter = live_numbers.read([ref])[ref].as_counter()
    tomorrow = counter | {"views_today": 0, "day": counter["day"] + 1, "version": counter["version"] + 1}
    far_ends[0].send(json.dumps({"type": "counters", "counters": [tomorrow]}))
    await expect(page.locator("span[data-djinsight-stat=views_today]").first).to_have_text("0")
