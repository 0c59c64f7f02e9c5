"""Numbers of an open page: written once a change, never lower, read out at intervals, and reset with a period."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from djinsight import days
from djinsight.counting import live_numbers
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.statistics.periods import began
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support import node
from tests.support.chromium import launched, visiting
from tests.support.counted_views import count_views
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
SOCKET = "**/ws/djinsight/"
TOTAL = "span[data-djinsight-stat=total_views]"


@pytest.fixture
async def visitor() -> AsyncIterator[BrowserContext]:
    async with launched() as browser, visiting(browser) as context:
        yield context


class Opened:
    """A page that gets its counters from the test."""

    def __init__(self, page: Page, counter: dict[str, Any]) -> None:
        self.page = page
        self.counter = counter
        self.far_ends: asyncio.Queue[WebSocketRoute] = asyncio.Queue()

    async def open(self, url: str) -> None:
        await self.page.route_web_socket(SOCKET, self.far_ends.put_nowait)
        await self.page.goto(url)
        self.far_end = await asyncio.wait_for(self.far_ends.get(), WITHIN)
        await expect(self.page.locator("html")).to_have_attribute("data-djinsight-state", "live")

    def push(self, **fields: Any) -> None:
        """Send a newer counter, with ``fields`` changed."""
        self.counter |= {"version": self.counter["version"] + 100_000, **fields}
        self.far_end.send(json.dumps({"type": "counters", "counters": [self.counter]}))

    async def pushed(self, **fields: Any) -> None:
        """Send a newer counter, and wait until the page has handled it."""
        self.push(**fields)
        await self.page.wait_for_function(
            "([ref, version]) => djinsight.counters.get(ref)?.version === version",
            arg=[self.counter["ref"], self.counter["version"]],
        )
        await self.page.evaluate("new Promise(done => setTimeout(done, 100))")

    async def text(self, stat: str) -> str:
        return await self.page.locator(f"span[data-djinsight-stat={stat}]").first.inner_text()


@pytest.fixture
async def opened(daphne: Daphne, visitor: BrowserContext, article: Article, ref: ObjectRef) -> Any:
    """Return a function that opens a page after some views."""

    async def open(path: str = "", *, views: int = 0, host: str = "") -> Opened:
        count_views(ref, views)
        found = await sync_to_async(live_numbers.read)([ref])
        page = Opened(await visitor.new_page(), found[ref].as_counter())
        await page.open(f"http://{host or daphne()}{path or article.get_absolute_url()}")
        return page

    return open


# Writing

# Counts how often the text of each element is written from now on.
WATCHED = """() => {
    window.writes = 0;
    new MutationObserver(records => window.writes += records.length)
        .observe(document.body, {characterData: true, childList: true, subtree: true});
}"""
WRITES = "() => window.writes"


async def test_a_text_is_written_if_it_changes(opened: Any, article: Article) -> None:
    page = await opened(f"/articles/{article.pk}/numbers/", views=3)
    await page.pushed(unique_views=3)
    await page.page.evaluate(WATCHED)
    for _ in range(5):
        await page.pushed()
    assert await page.page.evaluate(WRITES) == 0
    await page.pushed(total_views=4)
    changed = ("total_views", "views_week", "views_month")
    numbers = sum([await page.page.locator(f"span[data-djinsight-stat={stat}]").count() for stat in changed])
    assert await page.page.evaluate(WRITES) == numbers


async def test_no_attribute_is_written_that_does_not_change(opened: Any, article: Article) -> None:
    page = await opened(f"/articles/{article.pk}/numbers/", views=3)
    await page.pushed(total_views=4)
    await page.page.evaluate("""() => {
        window.writes = 0;
        new MutationObserver(records => window.writes += records.length)
            .observe(document.body, {attributes: true, subtree: true});
    }""")
    for _ in range(3):
        await page.pushed()
    assert await page.page.evaluate(WRITES) == 0


# Wraps texts in other elements, at once and after each change, as page translators do.
TRANSLATOR = """change => {
    window.turns = 0;
    const translate = () => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (texts.nextNode()) if (texts.currentNode.data.trim()) found.push(texts.currentNode);
        for (const text of found) {
            const wrapped = text.parentNode.localName === "font";
            if (wrapped && text.translated === text.data) continue;
            window.turns += 1;
            if (change) text.data = text.data.replace(/[0-9]/g, each => String.fromCharCode(0x660 + +each));
            text.translated = text.data;
            if (wrapped) continue;
            const [outer, inner] = [document.createElement("font"), document.createElement("font")];
            text.replaceWith(outer);
            outer.append(inner);
            inner.append(text);
        }
    };
    translate();
    new MutationObserver(translate).observe(document.body, {characterData: true, childList: true, subtree: true});
}"""


@pytest.mark.parametrize("change", [False, True], ids=["wraps", "wraps and writes other digits"])
async def test_a_page_translator(change: bool, opened: Any) -> None:
    page = await opened(views=1)
    await page.page.evaluate(TRANSLATOR, change)
    turns = await page.page.evaluate("window.turns")
    for views in (2, 3):
        await page.pushed(total_views=views)
        shown = chr(0x660 + views) if change else str(views)
        assert await page.text("total_views") == shown
    await page.page.evaluate("new Promise(done => setTimeout(done, 500))")
    # The number, and its twin for screen readers
    assert await page.page.evaluate("window.turns") - turns <= 4
    assert await page.page.locator(f"{TOTAL} > font > font").count() == 1


# Older renderings

PATCHES = {
    "idiomorph": "(html) => Idiomorph.morph(document.body, html, {morphStyle: 'innerHTML'})",
    "morphdom": "(html) => morphdom(document.body, html, {childrenOnly: true})",
    "new elements": "(html) => { document.body.innerHTML = html.replace(/^<body>|<\\/body>$/g, '') }",
    "texts alone": """(html) => {
        const older = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-djinsight-stat]");
        const there = document.querySelectorAll("[data-djinsight-stat]");
        there.forEach((each, n) => each.firstChild.data = older[n].textContent);
    }""",
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
@pytest.mark.parametrize("how_often", [1, 3])
async def test_an_older_rendering(patch: str, how_often: int, opened: Any, article: Article, ref: ObjectRef) -> None:
    """After an older rendering replaces the page, as from a cache, all numbers and times become the newest again."""
    modules = node.install()
    page = await opened("/languages/?in=es", views=1)
    for library in ("idiomorph/dist/idiomorph.js", "morphdom/dist/morphdom-umd.js"):
        await page.page.evaluate((modules / library).read_text())
    older = await page.page.evaluate("document.body.outerHTML")
    last = await page.page.evaluate("document.querySelector('time').dateTime")
    later = last.replace("2026", "2031")
    await page.pushed(total_views=12345, views_today=7, last_viewed_at=later)
    shown = {stat: await page.text(stat) for stat in ("total_views", "views_today", "views_week")}
    time = await page.page.locator("time").inner_text()
    assert shown == {"total_views": "12\xa0345", "views_today": "7", "views_week": "12\xa0345"}
    for _ in range(how_often):
        await page.page.evaluate(f"html => ({patch})(html)", older)
        for stat, text in shown.items():
            await expect(page.page.locator(f"span[data-djinsight-stat={stat}]")).to_have_text(text)
        await expect(page.page.locator("time")).to_have_text(time)
        await expect(page.page.locator("time")).to_have_attribute("datetime", later)


async def test_a_newer_rendering_of_one_place_holds_for_all(opened: Any, ref: ObjectRef) -> None:
    page = await opened("/languages/?in=en&in=de", views=1)
    await page.pushed()
    await page.page.evaluate("""() => {
        const number = document.querySelector("[data-djinsight-stat=total_views]");
        const newer = number.cloneNode();
        newer.dataset.djinsightValue = "1234";
        newer.textContent = "1,234";
        number.replaceWith(newer);
    }""")
    await expect(page.page.locator(f"section[lang=de] {TOTAL}")).to_have_text("1.234")
    await page.pushed(total_views=2)
    assert await page.text("total_views") == "1,234"


async def test_a_form_of_the_site_s_own_stays_until_the_number_changes(opened: Any) -> None:
    page = await opened("/languages/?in=en", views=1)
    await page.page.locator(TOTAL).evaluate("each => { each.textContent = 'one' }")
    await page.pushed(unique_views=5)
    assert await page.text("total_views") == "one"
    await page.pushed(total_views=1000)
    assert await page.text("total_views") == "1,000"


async def test_a_part_in_another_language(opened: Any, visitor: BrowserContext) -> None:
    """A part of the page in another language, as added by htmx, is updated in its own language."""
    page = await opened("/languages/?in=en", views=1)
    fetched = "/languages/?in=de"
    await page.page.evaluate(
        """url => fetch(url).then(answer => answer.text()).then(text => {
            const other = new DOMParser().parseFromString(text, "text/html");
            document.body.append(other.querySelector("section"));
        })""",
        fetched,
    )
    await page.pushed(total_views=1_234_567, last_viewed_at="2031-03-05T12:00:00.000+00:00")
    english = "en", "1,234,567", "March 5, 2031, 1 p.m."
    german = "de", "1.234.567", "5. März 2031 13:00"
    for language, text, time in (english, german):
        part = page.page.locator(f"section[lang={language}]")
        await expect(part.locator(TOTAL)).to_have_text(text)
        await expect(part.locator("[data-djinsight-stat=last_viewed_at]")).to_have_text(time)


# Screen readers

READ_OUT = """() => {
    const said = () => [...document.querySelectorAll("[aria-live=polite]")].map(region => {
        const copy = region.cloneNode(true);
        copy.querySelectorAll("[aria-hidden=true],[aria-live=off]").forEach(each => each.remove());
        return copy.textContent.replace(/\\s+/g, " ").trim();
    }).join("|");
    let last = said();
    window.heard = [];
    new MutationObserver(() => {
        const text = said();
        if (text !== last) window.heard.push([Math.round(performance.now()), last = text]);
    }).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
}"""


@pytest.mark.parametrize("own", [False, True], ids=["live_stats_counter", "a region of the site's"])
async def test_a_number_is_read_out_every_ten_seconds_at_most(own: bool, opened: Any, article: Article) -> None:
    page = await opened("/languages/?in=en" if own else article.get_absolute_url(), views=1)
    if own:
        await page.page.evaluate("() => document.querySelector('p').setAttribute('aria-live', 'polite')")
    await page.page.clock.install()
    await page.page.evaluate(READ_OUT)
    for views in range(2, 32):
        page.push(total_views=views)
        await expect(page.page.locator(TOTAL)).to_have_text(str(views))  # the screen has it at once
        await page.page.clock.run_for(1000)
    await page.page.clock.run_for(10_000)
    heard = await page.page.evaluate("window.heard")
    # Two numbers in one region are read out together.
    changes = [at for n, (at, _) in enumerate(heard) if not n or at - heard[n - 1][0] > 100]
    assert 3 <= len(changes) <= 5
    assert all(later - at >= 9_900 for at, later in pairwise(changes))
    assert "31" in heard[-1][1]
    assert await page.page.locator(TOTAL).get_attribute("aria-hidden") == "true"


async def test_what_is_read_out_is_not_seen(opened: Any) -> None:
    """The twin for screen readers is invisible even if a policy forbids styles and there is no stylesheet."""
    page = await opened(views=1)
    before = await page.page.locator(".djinsight-live-counter").bounding_box()
    await page.pushed(total_views=2)
    twin = page.page.locator(f"{TOTAL} + span:not([class])")
    await expect(twin).to_have_text("2")
    box = await twin.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (1, 1)
    assert await page.page.locator(".djinsight-live-counter").bounding_box() == before


# Periods


def history(article: Article, views: dict[Any, int]) -> None:
    key = {"content_type": ContentType.objects.get_for_model(Article), "object_id": str(article.pk)}
    for day, total in views.items():
        PageViewSummary.objects.create(**key, date=day, total_views=total, unique_views=1)
    PageViewStatistics.objects.create(**key, total_views=sum(views.values()), unique_views=1)


@pytest.mark.parametrize("stat", ["views_week", "views_month"])
async def test_a_period_begins_anew(stat: str, opened: Any, article: Article) -> None:
    """A period starts again with the first counter of a Monday, or of the first day of a month."""
    period: Any = stat.removeprefix("views_")
    today = days.now().day
    first = began(period, today)
    await sync_to_async(history)(article, {first: 40, first - timedelta(days=1): 1000})
    page = await opened(f"/articles/{article.pk}/numbers/", views=0)
    before = int(await page.text(stat))
    assert before in {0, 40}
    total = page.counter["total_views"]
    await page.pushed(total_views=total + 1, views_today=1)
    assert await page.text(stat) == str(before + 1)

    following = first + timedelta(days=7) if period == "week" else (first + timedelta(days=32)).replace(day=1)
    number = days.number_of(following)
    await page.pushed(views_today=0, day=number)
    assert await page.text(stat) == "0"
    await page.pushed(total_views=total + 3, views_today=2)
    assert await page.text(stat) == "2"
    await page.pushed(total_views=total + 4, views_today=1, day=number + 1)  # the next day
    assert await page.text(stat) == "3"
    await page.pushed(total_views=total + 5, views_today=2, day=number + 1)
    assert await page.text(stat) == "4"


@pytest.mark.parametrize("stat", ["views_week", "views_month"])
async def test_a_day_within_the_period_changes_nothing(stat: str, opened: Any, article: Article) -> None:
    period: Any = stat.removeprefix("views_")
    page = await opened(f"/articles/{article.pk}/numbers/", views=5)
    first = began(period, days.date_of(page.counter["day"]))
    for n in (7, 8, 9):  # days in a later week, on whichever day the test runs
        start = first + timedelta(days=7) if period == "week" else (first + timedelta(days=32)).replace(day=1)
        day = days.number_of(start) + n - 7
        await page.pushed(total_views=5 + n, views_today=1, day=day)
    assert await page.text(stat) == "3"


async def test_an_older_rendering_of_last_week(opened: Any, article: Article) -> None:
    """An older rendering has the number of last week, but the page knows that another week has begun."""
    page = await opened(f"/articles/{article.pk}/numbers/", views=5)
    older = await page.page.evaluate("document.body.innerHTML")
    following = began("week", days.date_of(page.counter["day"])) + timedelta(days=7)
    await page.pushed(total_views=6, views_today=1, day=days.number_of(following))
    assert await page.text("views_week") == "1"
    await page.page.evaluate("html => { document.body.innerHTML = html }", older)
    await expect(page.page.locator("span[data-djinsight-stat=views_week]").first).to_have_text("1")


async def test_a_week_whose_first_day_the_page_has_not_seen(opened: Any, article: Article) -> None:
    """A page that slept on Monday does not know that day's views, and shows the lower bound of the number."""
    page = await opened(f"/articles/{article.pk}/numbers/", views=5)
    following = began("week", days.date_of(page.counter["day"])) + timedelta(days=8)
    await page.pushed(total_views=50, views_today=3, day=days.number_of(following))
    assert await page.text("views_week") == "3"
