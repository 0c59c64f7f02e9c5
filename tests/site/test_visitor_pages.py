"""Visitors in Chromium: a visitor from another site stays signed in, and one browser is one visitor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.async_api import BrowserContext, Route, WebSocket, expect

from djinsight.beacons import ids
from djinsight.counting import live_numbers
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.open_pages import TOTAL

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
Elsewhere = Callable[[str], str]
UNIQUE = "[data-djinsight-stat=unique_views]"


@pytest.fixture
def session_key(transactional_db: None) -> str:
    """The session key of a signed-in administrator."""
    client = Client()
    client.force_login(User.objects.create_superuser("reader"))
    return str(client.cookies["sessionid"].value)


async def sign_in(visitor: BrowserContext, host: str, session_key: str, same_site: Any) -> None:
    cookie: Any = {"name": "sessionid", "value": session_key, "url": f"http://{host}/", "sameSite": same_site}
    await visitor.add_cookies([{**cookie, "httpOnly": True}])


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Return a function that serves a page on another host name of this machine: ``url = elsewhere("<html>")``."""
    servers: list[ThreadingHTTPServer] = []

    def serve(html: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f"<!doctype html><title>elsewhere</title>{html}".encode())

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


async def cookies(visitor: BrowserContext) -> dict[str, str]:
    return {str(cookie.get("name")): str(cookie.get("value")) for cookie in await visitor.cookies()}


async def uniques(article: Article) -> tuple[int, int]:
    ref = ObjectRef.of(article)
    snapshot = (await live_numbers.aread([ref]))[ref]
    return snapshot.total_views, snapshot.unique_views


# From another site


@pytest.mark.parametrize("mode", ["cookie", "session", "anonymous"])
@pytest.mark.parametrize(
    ("same_site", "html", "selector"),
    [
        ("Strict", '<a href="{}">a link</a>', "a"),
        ("Strict", '<form method="post" action="{}"><button>pay</button></form>', "button"),
        ("Lax", '<form method="post" action="{}"><button>pay</button></form>', "button"),
    ],
    ids=["a link, Strict", "a form, Strict", "a form, Lax"],
)
async def test_who_comes_from_another_site_stays_signed_in(
    same_site: str,
    html: str,
    selector: str,
    mode: str,
    daphne: Daphne,
    visitor: BrowserContext,
    article: Article,
    session_key: str,
    elsewhere: Elsewhere,
) -> None:
    host = daphne(SESSION_COOKIE_SAMESITE=same_site, DJINSIGHT_VISITOR=mode)
    await sign_in(visitor, host, session_key, same_site)
    page = await visitor.new_page()
    await page.goto(elsewhere(html.format(f"http://{host}/articles/{article.pk}/")))

    await page.click(selector)

    await expect(page.locator(TOTAL)).to_have_text("1")
    assert (await cookies(visitor))["sessionid"] == session_key
    await page.goto(f"http://{host}/admin/")
    await expect(page.locator("#user-tools")).to_contain_text("reader")
    assert await Session.objects.acount() == 1


@pytest.mark.parametrize("application", ["application", "without_sockets"])
async def test_in_a_frame_of_another_site(
    application: str, daphne: Daphne, visitor: BrowserContext, article: Article, elsewhere: Elsewhere
) -> None:
    """In such a frame the browser keeps no cookie. So there is no session, and the visitor is anonymous."""
    host = daphne(application)
    page = await visitor.new_page()
    await page.goto(elsewhere(f'<iframe src="http://{host}/articles/{article.pk}/?refresh=1"></iframe>'))
    for n in range(1, 4):
        await expect(page.frame_locator("iframe").locator(TOTAL)).to_have_text(str(n))
        if n < 3:
            await page.reload()
    assert await Session.objects.acount() == 0
    assert await cookies(visitor) == {}
    assert await uniques(article) == (3, 1)


# One browser, one visitor


@pytest.mark.parametrize("application", ["application", "without_sockets"])
async def test_one_browser_is_one_visitor(
    application: str, daphne: Daphne, visitor: BrowserContext, article: Article, session_key: str
) -> None:
    """A browser is one visitor from its first page on, also after the user signs in and out."""
    host = daphne(application)
    url = f"http://{host}/articles/{article.pk}/?refresh=1"
    page = await visitor.new_page()
    await page.goto(url)
    await expect(page.locator(TOTAL)).to_have_text("1")
    (given,) = await visitor.cookies()
    assert given.get("name") == "djinsight_visitor"
    assert ids.read(str(given.get("value")))
    assert (given.get("path"), given.get("sameSite"), given.get("secure")) == ("/", "Lax", False)

    await sign_in(visitor, host, session_key, "Lax")
    await page.goto(url)
    await expect(page.locator(TOTAL)).to_have_text("2")
    await visitor.clear_cookies(name="sessionid")
    await page.goto(url)
    await expect(page.locator(TOTAL)).to_have_text("3")

    await expect(page.locator(UNIQUE)).to_have_text("1")
    assert await cookies(visitor) == {"djinsight_visitor": given.get("value")}


@pytest.mark.parametrize("application", ["application", "without_sockets"])
@pytest.mark.parametrize("mode", ["session", "anonymous"])
async def test_modes_without_a_cookie(
    mode: str, application: str, daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    host = daphne(application, DJINSIGHT_VISITOR=mode)
    page = await visitor.new_page()
    for n in range(1, 3):
        await page.goto(f"http://{host}/articles/{article.pk}/?refresh=1")
        await expect(page.locator(TOTAL)).to_have_text(str(n))
    assert await cookies(visitor) == {}
    assert await uniques(article) == (2, 1)
    assert await Session.objects.acount() == 0


@pytest.mark.parametrize("application", ["application", "without_sockets"])
async def test_nothing_is_kept_before_consent(
    application: str, daphne: Daphne, visitor: BrowserContext, article: Article
) -> None:
    host = daphne(application, DJINSIGHT_CONSENT_COOKIE="consent=statistics")
    url = f"http://{host}/articles/{article.pk}/?refresh=1"
    page = await visitor.new_page()
    for n in range(1, 3):
        await page.goto(url)
        await expect(page.locator(TOTAL)).to_have_text(str(n))
    assert await cookies(visitor) == {}

    await page.evaluate("document.cookie = 'consent=statistics; path=/'")
    await page.goto(url)
    await expect(page.locator(TOTAL)).to_have_text("3")
    given = await cookies(visitor)
    assert ids.read(given["djinsight_visitor"])

    await page.evaluate("document.cookie = 'consent=none; path=/'")
    await page.goto(url)
    await expect(page.locator(TOTAL)).to_have_text("4")
    assert await uniques(article) == (4, 2)  # the anonymous visitor before the consent, and the one after it


async def test_the_id_comes_before_the_answer(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    page = await visitor.new_page()
    received: list[str] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: received.append(str(text).split('"')[3]))

    page.on("websocket", watch)
    await page.goto(f"http://{daphne()}/articles/{article.pk}/")
    await expect(page.locator(TOTAL)).to_have_text("1")
    assert received.index("visitor") < received.index("counted")
    assert received.count("visitor") == 1


async def test_a_forged_id_is_replaced(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    host = daphne()
    page = await visitor.new_page()
    forged: Any = {"name": "djinsight_visitor", "value": "0123456789abcdef", "url": f"http://{host}/"}
    await visitor.add_cookies([forged])
    for n in range(1, 3):
        await page.goto(f"http://{host}/articles/{article.pk}/")
        await expect(page.locator(TOTAL)).to_have_text(str(n))
    await expect(page.locator(UNIQUE)).to_have_text("1")
    assert ids.read((await cookies(visitor))["djinsight_visitor"])


async def test_pages_of_a_cdn_count_each_visitor(daphne: Daphne, browser: Any, article: Article) -> None:
    """All visitors get the same rendering, which has no data of any of them."""
    host = daphne()
    rendering = await sync_to_async(Client(SERVER_NAME="127.0.0.1").get)(f"/articles/{article.pk}/")
    body, policy = rendering.content.decode(), rendering.headers["Content-Security-Policy"]

    async def answer(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html", headers={"content-security-policy": policy})

    for n in range(1, 4):
        context = await browser.new_context()
        await context.route(f"http://{host}/articles/{article.pk}/", answer)
        page = await context.new_page()
        for loaded in (0, 1):
            await page.goto(f"http://{host}/articles/{article.pk}/")
            await expect(page.locator(TOTAL)).to_have_text(str(2 * n - 1 + loaded))
        await expect(page.locator(UNIQUE)).to_have_text(str(n))
        await context.close()
    assert await uniques(article) == (6, 3)
    assert await Session.objects.acount() == 0
