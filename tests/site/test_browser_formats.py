"""Formats in Chromium: pushed numbers and times read as rendered ones, in every language and format of Django."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.conf import global_settings
from django.utils import translation
from django.utils.timezone import get_fixed_timezone
from playwright.async_api import BrowserContext, Page

import djinsight
from djinsight.beacons import tokens
from djinsight.pages.formats import LETTERS, Formats
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.chromium import launched, visiting
from tests.support.rendered_pages import viewed
from tests.support.sockets import view_id

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
LANGUAGES = [code for code, _ in global_settings.LANGUAGES]
TOTALS = (0, 998, 1233, 12_344, 1_234_566, 100_000_000)
SOURCES = Path(djinsight.__file__).parent / "js"

TEXTS = """() => [...document.querySelectorAll("[data-djinsight-stat]")].map(each => [
    each.closest("[lang]")?.lang, each.dataset.djinsightStat, each.getAttribute("height") ?? each.textContent])"""
# The differences between the page and another rendering of it.
DIFFERENT = """async () => {
    const other = new DOMParser().parseFromString(await (await fetch(location)).text(), "text/html");
    const [shown, rendered] = [document, other].map(each => [...each.querySelectorAll("[data-djinsight-stat]")]);
    return shown.map((each, n) => [
        each.closest("[lang]")?.lang, each.dataset.djinsightStat, each.textContent, rendered[n]?.textContent,
        each.getAttribute("datetime"), rendered[n]?.getAttribute("datetime"),
        each.getAttribute("height"), rendered[n]?.getAttribute("height"),
    ]).filter(each => each[2] !== each[3] || each[6] !== each[7] || (each[4] && each[4] !== each[5]));
}"""


@pytest.fixture
async def visitor() -> AsyncIterator[BrowserContext]:
    async with launched() as browser, visiting(browser) as context:
        yield context


@pytest.fixture
def articles(transactional_db: None) -> list[Article]:
    """Articles whose totals are one view short of a number with another format."""
    made = Article.objects.bulk_create([Article(title=str(total)) for total in TOTALS])
    for article, total in zip(made, TOTALS, strict=True):
        viewed(article, total, total)
    return made


async def settled(page: Page) -> list[Any]:
    """Wait until the page shows the same as another rendering; return the remaining differences."""
    different: list[Any] = []
    for _ in range(100):
        different = await page.evaluate(DIFFERENT)
        if not different:
            break
    return different


@pytest.fixture
def view(connect: Any) -> Any:
    """Count a view of each article over a socket of the server, as a page does."""

    async def count(host: str, articles: list[Article], *, n: int = 0) -> None:
        page = await connect(host)
        for article in articles:
            token = tokens.mint("view", ObjectRef.of(article))
            assert (await page.view(token, view_id(1000 * n + article.pk)))["type"] == "counted"

    return count


async def changed(page: Page, host: str, articles: list[Article], view: Any, query: str = "") -> list[Any]:
    """Open a page, count a view of each article, and return the differences from another rendering."""
    await page.goto(f"http://{host}/languages/{query}")
    await page.wait_for_selector("[data-djinsight-state=live]")
    before = await page.evaluate(TEXTS)
    await view(host, articles)
    different = await settled(page)
    after = await page.evaluate(TEXTS)
    assert len(after) == len(before) > 0
    assert [each for each, was in zip(after, before, strict=True) if each == was] == []
    return different


async def test_every_language(daphne: Daphne, visitor: BrowserContext, articles: list[Article], view: Any) -> None:
    page = await visitor.new_page()
    assert await changed(page, daphne(), articles, view) == []
    assert {lang for lang, _, _ in await page.evaluate(TEXTS)} == set(LANGUAGES)


# Write the page again in two parts, the second one when the script has seen the first.
IN_PARTS = """async (cut) => {
    const html = await (await fetch(location)).text();
    const at = html.indexOf(cut, html.indexOf(cut) + 1) + cut.length;
    const end = html.indexOf(">", at) + 1; // the second element of the object has no text yet
    document.open();
    document.write(html.slice(0, end));
    djinsight.scan();
    document.write(html.slice(end));
    document.close();
    djinsight.scan();
}"""


async def test_a_page_that_arrives_in_parts(
    daphne: Daphne, visitor: BrowserContext, articles: list[Article], view: Any
) -> None:
    """The text of an element comes after its tag. The script knows its number from another element by then."""
    page, host = await visitor.new_page(), daphne()
    await page.goto(f"http://{host}/languages/?in=en&in=ca")
    await page.wait_for_selector("[data-djinsight-state=live]")
    ref = ObjectRef.of(articles[2])
    await page.evaluate(IN_PARTS, f'data-djinsight-ref="{ref}" data-djinsight-stat="total_views"')
    assert await settled(page) == []
    await view(host, articles)
    assert await settled(page) == []


SITES: dict[str, dict[str, Any]] = {
    "its own separators": {"USE_THOUSAND_SEPARATOR": True},
    "no groups": {"LANGUAGE_CODE": "en", "NUMBER_GROUPING": 0, "FORMAT_MODULE_PATH": "tests.formats.plain"},
    "Indian groups": {"FORMAT_MODULE_PATH": "tests.formats.indian", "TIME_ZONE": "Asia/Kolkata"},
    "a format of its own": {"FORMAT_MODULE_PATH": ["tests.formats.odd"], "TIME_ZONE": "America/St_Johns"},
    "a zone at a fixed offset": {"TIME_ZONE": "Etc/GMT-14"},
    "UTC": {"TIME_ZONE": "UTC"},
}


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
async def test_formats_of_a_site(
    site: dict[str, Any], daphne: Daphne, visitor: BrowserContext, articles: list[Article], view: Any
) -> None:
    """The formats of a site also apply to the widget, with its table and its bars."""
    page = await visitor.new_page()
    assert await changed(page, daphne(**site), articles, view, "?in=en&in=ar&in=hi&widget") == []


# Each letter of Django's date filter

ZONES = {
    "Europe/Prague": ZoneInfo("Europe/Prague"),
    "UTC": ZoneInfo("UTC"),
    "fixed": get_fixed_timezone(-570),
    "named": timezone(timedelta(hours=2), "summer"),
    "Asia/Kathmandu": ZoneInfo("Asia/Kathmandu"),
    "Australia/Lord_Howe": ZoneInfo("Australia/Lord_Howe"),
    "Europe/Dublin": ZoneInfo("Europe/Dublin"),
    "America/St_Johns": ZoneInfo("America/St_Johns"),
}
FORMATS = [
    *LETTERS,
    "DATE: d/m/Y \\a\\t H:i",
    r"\\Y \\\Y \n",
    "\\",
    "~|^`Y~",
    "йцу 年 k q",
    "N j, Y, P",
]


def instants() -> list[int]:
    """Return times around this year: at the ends of years, around clock changes, and one in each month."""
    year = datetime.now(UTC).year
    ends = [
        datetime(year + n, month, day, tzinfo=UTC) for n in (-1, 0, 1) for month, day in ((12, 30), (1, 1), (2, 29 - 1))
    ]
    months = [datetime(year, month, 11 + month, 12, 0, 7, tzinfo=UTC) for month in range(1, 13)]
    sundays = [datetime(year, month, 1, tzinfo=UTC) + timedelta(days=n) for month, n in ((4, 0), (10, 24), (11, 0))]
    nights = [each + timedelta(days=6 - each.weekday(), minutes=30 * n) for each in sundays for n in range(-4, 14)]
    return [int(each.timestamp() * 1000) + n % 3 * 61 for n, each in enumerate([*ends, *months, *nights])]


def expected(language: str, zone: Any, form: str) -> dict[str, Any]:
    with translation.override(language):
        formats = Formats(language, zone)
        formats._form = form
        return {"format": formats.of_times, "times": [formats.time(ms) for ms in instants()]}


@pytest.mark.parametrize("zone", ZONES.values(), ids=ZONES)
async def test_every_letter(zone: Any, visitor: BrowserContext) -> None:
    page = await module(visitor)
    said = [await sync_to_async(expected)("en", zone, form) for form in FORMATS]
    shown = await page.evaluate(
        "all => all.map(({format, times}) => times.map(([iso]) => formatTime(iso, format) ?? null))", said
    )
    different = [
        (form, iso, text, there)
        for form, each, texts in zip(FORMATS, said, shown, strict=True)
        for (iso, text), there in zip(each["times"], texts, strict=True)
        if text != there
    ]
    assert different == []


@pytest.mark.parametrize("format", ["", "~", "~Nowhere/At_All~Y", "~~Y", "~UTC~T"], ids=repr)
async def test_a_time_that_the_browser_cannot_tell(format: str, visitor: BrowserContext) -> None:
    """If the browser does not know the zone, or its name, the server's text stays."""
    page = await module(visitor)
    assert await page.evaluate("format => formatTime('2026-01-05T12:00:00+00:00', format) ?? null", format) is None


async def module(visitor: BrowserContext) -> Page:
    """Return a page that has loaded the module ``times.js``."""
    page = await visitor.new_page()
    source = (SOURCES / "times.js").read_text()
    await page.route("**/times.js", lambda route: route.fulfill(body=source, content_type="text/javascript"))
    await page.route("**/page", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    await page.goto("http://127.0.0.1/page")
    await page.evaluate("async () => { window.formatTime = (await import('/times.js')).formatTime }")
    return page
