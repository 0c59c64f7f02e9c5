"""``DNT: 1`` and ``Sec-GPC: 1``: if the setting is on, page, socket, HTTP and script honour them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from playwright.async_api import BrowserContext, expect

from tests.blog.models import Article
from tests.support.asgi_client import FallbackClient
from tests.support.open_pages import TOTAL
from tests.support.sockets import BROWSER, Page, view_id

Open = Callable[..., Awaitable[Page]]

ASKS: dict[str, tuple[dict[str, str], bool]] = {
    "DNT": ({"dnt": "1"}, True),
    "GPC": ({"sec-gpc": "1"}, True),
    "both": ({"dnt": "1", "sec-gpc": "1"}, True),
    "tracking is fine, sharing is not": ({"dnt": "0", "sec-gpc": "1"}, True),
    "tracking is fine": ({"dnt": "0"}, False),
    "no preference": ({"dnt": ""}, False),
    "garbage": ({"dnt": "true", "sec-gpc": "1, 1"}, False),
    "nothing": ({}, False),
}


@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize(("headers", "asks"), ASKS.values(), ids=ASKS)
async def test_over_a_socket(
    headers: dict[str, str], asks: bool, respected: bool, open_socket: Open, view_token: str, settings: Any
) -> None:
    settings.DJINSIGHT_RESPECT_DNT = respected
    page = await open_socket(**{name.replace("-", "_"): value for name, value in headers.items()})
    answer = await page.view(view_token, view_id())
    assert (page.issued == "") is (asks and respected)
    if asks and respected:
        assert answer == {"type": "rejected", "id": view_id(), "reason": "dnt"}
    else:
        assert answer["type"] == "counted"


@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize(("headers", "asks"), ASKS.values(), ids=ASKS)
@pytest.mark.parametrize("client", [AsyncClient, FallbackClient], ids=["Django", "before Django"])
async def test_over_http(
    client: Any, headers: dict[str, str], asks: bool, respected: bool, view_token: str, settings: Any
) -> None:
    settings.DJINSIGHT_RESPECT_DNT = respected
    sent = {"user-agent": BROWSER, "origin": "http://testserver", **headers}
    frame = json.dumps({"type": "view", "id": view_id(), "token": view_token})
    answer = await client().post("/djinsight/record-view/", frame, content_type="application/json", headers=sent)
    assert answer.status_code == (403 if asks and respected else 200)
    assert json.loads(answer.content).get("reason") == ("dnt" if asks and respected else None)
    assert ("djinsight_visitor" in answer.cookies) is not (asks and respected)


@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize(("headers", "asks"), ASKS.values(), ids=ASKS)
def test_on_the_page(headers: dict[str, str], asks: bool, respected: bool, article: Article, settings: Any) -> None:
    """The page is the same for all visitors, because a cache may share it. The script asks the browser."""
    settings.DJINSIGHT_RESPECT_DNT = respected
    answer = Client(headers={"user-agent": BROWSER, **headers}).get(f"/articles/{article.pk}/")
    html = answer.content.decode()
    assert Session.objects.count() == 0
    assert "data-djinsight-view" in html
    assert "data-djinsight-watch" in html
    assert ("data-djinsight-dnt" in html) is respected


@pytest.mark.browser
@pytest.mark.parametrize("signal", ["globalPrivacyControl = true", 'doNotTrack = "1"'])
async def test_in_the_browser(
    signal: str,
    daphne: Callable[..., str],
    visitor: BrowserContext,
    article: Article,
    redis_client: redis.Redis,
) -> None:
    """A cached page has a tracker for every visitor, but the script sends no view and keeps no cookie."""
    host = daphne(DJINSIGHT_RESPECT_DNT=True)
    asking, other = await visitor.new_page(), await visitor.new_page()
    name, _, value = signal.partition(" = ")
    await asking.add_init_script(f"Object.defineProperty(Navigator.prototype, '{name}', {{ get: () => {value} }})")
    await asking.goto(f"http://{host}/articles/{article.pk}/")
    await expect(asking.locator(TOTAL)).to_have_text("0")
    await expect(asking.locator("html")).to_have_attribute("data-djinsight-state", "live")
    assert await asking.locator("[data-djinsight-view]").count() == 1
    assert await visitor.cookies() == []

    await other.goto(f"http://{host}/articles/{article.pk}/")

    await expect(asking.locator(TOTAL)).to_have_text("1")
    assert redis_client.xlen("djinsight:events") == 1
