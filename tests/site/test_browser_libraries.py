"""Libraries make, move, keep and fetch the elements of pages: each visit of an address is one view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis
from playwright.async_api import BrowserContext, Page, Route, expect

from djinsight.beacons import tokens
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support import node
from tests.support.counted_views import count_views
from tests.support.open_pages import TOTAL
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
Counted = Callable[..., Awaitable[list[int]]]
APPENDED = """token => {
    if (document.querySelector(`[data-djinsight-view="${token}"]`)) return;
    const tracker = document.createElement("meta");
    tracker.dataset.djinsightView = token;
    document.body.append(tracker);
}"""
BUNDLE = ["--bundle", "--define:process.env.NODE_ENV='production'"]


@pytest.fixture
async def library(visitor: BrowserContext) -> BrowserContext:
    """The visitor's browser, which finds Node's packages under ``/npm/``."""

    async def file(route: Route) -> None:
        name = route.request.url.partition("/npm/")[2]
        if (own := node.FOLDER / "pages" / name).exists():
            await route.fulfill(
                body=node.run("esbuild", *BUNDLE, given=own.read_text()), content_type="text/javascript"
            )
        else:
            await route.fulfill(path=Path(node.install()) / name)

    await visitor.route("**/npm/**", file)
    return visitor


@pytest.fixture
def counted(redis_client: redis.Redis) -> Counted:
    """Return the views of articles, after all views of the page are counted."""

    async def counted(page: Page, *articles: Article) -> list[int]:
        last = await Article.objects.acreate(title="last")
        token = tokens.mint("view", ObjectRef.of(last))
        async with asyncio.timeout(WITHIN):
            while not redis_client.get(f"djinsight:counter:{ObjectRef.of(last)}"):
                await page.evaluate(APPENDED, token)  # once more if a library has replaced the page
                await asyncio.sleep(0.02)
        return [int(redis_client.get(f"djinsight:counter:{ObjectRef.of(each)}") or 0) for each in articles]

    return counted


@pytest.fixture
def details(redis_client: redis.Redis) -> Callable[[], bytes]:
    """Return the URL and the referrer of all counted views. The URL is a path, the referrer is whole."""
    return lambda: b" ".join(fields[b"d"] for _, fields in redis_client.xrange("djinsight:events"))


ONCE = ["plain", "twice", "vue", "petite", "alpine", "react", "head", "clobbered", "own"]


@pytest.mark.parametrize("name", ONCE)
async def test_a_load_counts_once(
    name: str, daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/{name}/{article.pk}/", wait_until="load")
    assert await counted(page, article) == [1]
    await page.reload()
    assert await counted(page, article) == [2]


@pytest.mark.parametrize("name", ["htmx2polled", "htmx4polled"])
async def test_a_part_that_is_fetched_again_and_again_counts_once(
    name: str, daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/{name}/{article.pk}/")
    await page.evaluate("history.pushState({}, '', '?tab=2')")
    for _ in range(4):
        async with page.expect_response("**/sites/part/**"):
            pass
    assert await counted(page, article) == [1]


async def test_an_element_that_comes_and_goes_counts_once(
    daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/alpine/{article.pk}/")
    assert await counted(page, article) == [1]
    for shown in ("false", "true"):
        await page.click("button")
        await page.locator("b", has_text=shown).wait_for()
        assert await counted(page, article) == [1]


async def test_an_address_without_a_new_token_is_no_visit(
    daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/")
    for step in (
        "location.hash = 'there'",
        "history.replaceState({}, '', '?tab=1')",
        "history.pushState({}, '', '?tab=2')",
        "document.body.append(document.querySelector('[data-djinsight-view]').cloneNode())",
        "document.querySelector('main').replaceWith(document.querySelector('main').cloneNode(true))",
        "history.back()",
    ):
        await page.evaluate(step)
        assert await counted(page, article) == [1], step


NAVIGATORS = ["plain", "htmx2", "htmx4", "turbo", "turbohead", "unpoly", "swup", "barba", "reactrouter", "vuerouter"]


@pytest.mark.parametrize("name", NAVIGATORS)
async def test_each_visit_counts(
    name: str,
    daphne: Daphne,
    library: BrowserContext,
    article: Article,
    counted: Counted,
    details: Callable[[], bytes],
) -> None:
    """Links lead to A, B and A, and the history leads back and forward."""
    other = await Article.objects.acreate(title="Another")
    host = daphne()
    page = await library.new_page()
    first, second = (f"http://{host}/sites/{name}/{each.pk}/" for each in (article, other))
    await page.goto(first)
    assert await counted(page, article, other) == [1, 0]
    await page.evaluate("window.kept = true")
    for to, address, views in ((other, second, [1, 1]), (article, first, [2, 1])):
        await page.click(f"#to{to.pk}")
        await page.wait_for_url(address)
        await asyncio.wait_for(reached(page, counted, views, article, other), WITHIN)
    for step, address, views in (("back", second, [2, 2]), ("forward", first, [3, 2])):
        await page.evaluate(f"history.{step}()")
        await page.wait_for_url(address, wait_until="commit")
        await asyncio.wait_for(reached(page, counted, views, article, other), WITHIN)
    if name != "plain":
        assert await page.evaluate("window.kept") is True
    for address in (first, second):
        assert f'"{address}"'.encode() in details()


async def reached(page: Page, counted: Counted, views: list[int], *articles: Article) -> None:
    """Wait until the articles have exactly these views."""
    while (found := await counted(page, *articles)) != views:
        assert all(have <= wanted for have, wanted in zip(found, views, strict=True)), (found, views)
    assert await counted(page, *articles) == views


@pytest.mark.parametrize("name", ["htmx2", "htmx4", "turbo"])
async def test_two_addresses_of_one_object_are_two_visits(
    name: str, daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/{name}/{article.pk}/")
    assert await counted(page, article) == [1]
    await page.click("#second")
    await page.wait_for_url("**?page=2")
    await asyncio.wait_for(reached(page, counted, [2], article), WITHIN)


async def test_an_article_that_scrolls_into_view_counts_once(
    daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    """An article is fetched before it is reached, and the address is that of the visible article."""
    other = await Article.objects.acreate(title="Another")
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/")
    assert await counted(page, article, other) == [1, 0]
    address = f"/sites/plain/{other.pk}/"
    await page.evaluate(
        """async (address) => {
            const text = await (await fetch(address)).text();
            const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
            document.body.append(main);
        }""",
        address,
    )
    assert await counted(page, article, other) == [1, 1]
    for method, to in (("pushState", address), ("replaceState", f"/sites/plain/{article.pk}/"), ("pushState", address)):
        await page.evaluate("([method, to]) => history[method]({}, '', to)", [method, to])
        assert await counted(page, article, other) == [1, 1]


@pytest.mark.parametrize("morph", ["Idiomorph.morph(document.body, body.outerHTML)", "morphdom(document.body, body)"])
async def test_a_page_that_is_morphed(
    morph: str, daphne: Daphne, library: BrowserContext, article: Article, counted: Counted
) -> None:
    other = await Article.objects.acreate(title="Another")
    page = await library.new_page()
    await page.goto(f"http://{daphne()}/sites/morph/{article.pk}/")
    for to, views in ((article, [1, 0]), (other, [1, 1]), (other, [1, 1]), (article, [2, 1])):
        await page.evaluate(
            f"""async (address) => {{
                const text = await (await fetch(address)).text();
                const body = new DOMParser().parseFromString(text, "text/html").body;
                if (location.pathname !== address) history.pushState({{}}, "", address);
                {morph};
            }}""",
            f"/sites/morph/{to.pk}/",
        )
        assert await counted(page, article, other) == views


@pytest.mark.parametrize("name", ["htmx2", "turbo"])
async def test_a_copy_of_a_page_that_is_put_back_is_read_out(
    name: str, daphne: Daphne, library: BrowserContext, article: Article, ref: ObjectRef
) -> None:
    """Libraries keep a copy of a page, including the elements that the script added for screen readers."""
    other = await Article.objects.acreate(title="Another")
    page = await library.new_page()
    host = daphne()
    first, second = (f"http://{host}/sites/{name}/{each.pk}/" for each in (article, other))
    await page.goto(first)
    heard = page.locator("main .djinsight-live-counter")
    for views in (1, 3):
        await expect(page.locator(f"main {TOTAL}")).to_have_text(str(views))
        await expect(page.locator(f"main {TOTAL} + [data-djinsight-read]")).to_have_text(str(views))
        assert await page.locator("main [data-djinsight-read]").count() == await heard.locator("[aria-hidden]").count()
        if views == 3:
            break
        await page.click(f"#to{other.pk}")
        await page.wait_for_url(second)
        await expect(page.locator(f"main {TOTAL}")).to_have_text("1")
        count_views(ref, 1)
        await page.evaluate("history.back()")
        await page.wait_for_url(first, wait_until="commit")
