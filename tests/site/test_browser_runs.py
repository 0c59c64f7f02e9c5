"""Runs in Chromium: numbers are live although only one element of their object has the token and the format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.open_pages import TOTAL

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
WATCH = "[data-djinsight-watch]"
UNIQUE = "[data-djinsight-stat=unique_views]"


@pytest.fixture
async def watching(daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef) -> Page:
    """A live page of an article with a view, whose numbers follow the token in one run."""
    count_views(ref, 1)
    page = await visitor.new_page()
    await page.goto(f"http://{daphne()}/articles/{article.pk}/numbers/")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    return page


async def viewed_by_another(page: Page, visitor: BrowserContext) -> None:
    await (await visitor.new_page()).goto(page.url.removesuffix("numbers/"))


REMOVED = {
    "removed": f"document.querySelectorAll('{WATCH}').forEach(each => each.remove())",
    "replaced": f"""document.querySelectorAll('{WATCH}').forEach(each => {{
        const other = each.cloneNode(true);
        other.removeAttribute('data-djinsight-watch');
        other.removeAttribute('data-djinsight-format');
        each.replaceWith(other);
    }})""",
    "moved into a template": f"""document.querySelectorAll('{WATCH}').forEach(each => {{
        const template = document.createElement('template');
        template.content.append(each);
        document.body.append(template);
    }})""",
}


@pytest.mark.parametrize("how", REMOVED.values(), ids=REMOVED)
async def test_a_number_stays_live_without_the_element_that_has_the_token(
    how: str, watching: Page, visitor: BrowserContext
) -> None:
    """The page opens another socket as well, on which it sends the token again."""
    await watching.evaluate(f"() => {{ {how}; }}")
    await watching.evaluate("djinsight.scan()")
    await watching.evaluate("dispatchEvent(new Event('online'))")
    await expect(watching.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await viewed_by_another(watching, visitor)
    await expect(watching.locator(f"span{UNIQUE}").last).to_have_text("2")


async def test_a_page_without_numbers_of_an_object_watches_it_no_more(
    watching: Page, visitor: BrowserContext, ref: ObjectRef
) -> None:
    sent: list[str] = []
    watching.on("websocket", lambda opened: opened.on("framesent", lambda text: sent.append(str(text))))
    await watching.evaluate("document.querySelectorAll('[data-djinsight-stat]').forEach(each => each.remove())")
    await watching.evaluate("djinsight.scan()")
    await watching.evaluate("dispatchEvent(new Event('online'))")
    await viewed_by_another(watching, visitor)
    await watching.evaluate("new Promise(done => setTimeout(done, 200))")
    assert not [text for text in sent if "subscribe" in text]


# Moves the script element of a page in another language in front of all others, as a fragment from a cache has it.
MIXED = """async url => {
    const other = new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html");
    document.body.prepend(other.querySelector("script[data-djinsight-socket]"));
}"""


async def test_a_script_of_another_language_changes_no_format(
    daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef, connect: Any
) -> None:
    """Times without a format keep that of the script element that gives their text."""
    count_views(ref, 1)
    page, other = await visitor.new_page(), await visitor.new_page()
    host = daphne()
    await page.goto(f"http://{host}/languages/?in=de")
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await page.evaluate(MIXED, "/languages/?in=en")
    await page.locator("time").first.evaluate("each => each.removeAttribute('data-djinsight-format')")
    before = await page.locator("time").first.inner_text()
    rendered = await page.locator("time").first.get_attribute("datetime")
    await other.goto(f"http://{host}/articles/{article.pk}/")
    await expect(page.locator(TOTAL).first).to_have_text("2")
    await expect(page.locator("time").first).not_to_have_attribute("datetime", str(rendered))
    after = await page.locator("time").first.inner_text()
    assert after.rsplit(" ", 1)[0] == before.rsplit(" ", 1)[0]
