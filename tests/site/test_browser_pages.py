"""Unusual pages, on which the script works as well: other names, places, policies and ways of loading."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.blog.models import Article
from tests.support import node, processes
from tests.support.open_pages import SHOWN, TOTAL, with_more
from tests.support.servers import cannot_run
from tests.support.sockets import WITHIN

pytestmark = pytest.mark.browser

Daphne = Callable[..., str]
Count = Callable[[], tuple[int, int]]


async def lives(page: Page) -> None:
    """Wait until the page's view is counted, and its number has changed."""
    await expect(page.locator("html")).to_have_attribute("data-djinsight-state", "live")
    await expect(page.locator(f":is(main, #here) {TOTAL}")).to_have_text("1", timeout=WITHIN * 1000)


@pytest.fixture
async def packages(visitor: BrowserContext) -> BrowserContext:
    """The visitor's browser, which finds Node's packages under ``/npm/``."""

    async def file(route: Route) -> None:
        await route.fulfill(path=Path(node.install()) / route.request.url.partition("/npm/")[2])

    await visitor.route("**/npm/**", file)
    return visitor


WAYS = ["clobbered", "own", "names", "intemplate", "innoscript", "inshadow", "head", "written", "bundled"]


@pytest.mark.parametrize("name", WAYS)
async def test_a_page_that_is_in_the_way(
    name: str, daphne: Daphne, packages: BrowserContext, article: Article, count: Count
) -> None:
    page = await packages.new_page()
    await page.goto(f"http://{daphne()}/sites/{name}/{article.pk}/")
    await lives(page)
    assert count() == (1, 1)
    if name == "own":
        assert await page.evaluate("djinsight") == "the site's own"
    if name == "head":
        assert await page.evaluate("document.head.querySelectorAll('title, meta[name=after]').length") == 2
    if name == "names":
        assert await page.evaluate("names") == ["one"]  # MooTools' Array.from, which differs from the language's


async def test_a_base_of_another_origin(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """If <base> names another origin, the socket and the requests still go to the origin of the page."""
    page = await visitor.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    host = daphne("without_sockets")
    await page.goto(f"http://{host}/sites/based/{article.pk}/")
    await expect(page.locator(f"main {TOTAL}")).to_have_text("1", timeout=WITHIN * 1000)
    assert await page.evaluate("new URL(document.baseURI).hostname") == "localhost"
    assert {url.rpartition("/djinsight/")[0] for url in asked if "/static/" not in url and "/sites/" not in url} == {
        f"http://{host}"
    }
    assert count() == (1, 1)


async def test_a_policy_of_nonces(daphne: Daphne, visitor: BrowserContext, article: Article, count: Count) -> None:
    """Under a policy without 'strict-dynamic' and 'self', the second file loads with the nonce of the first."""
    page = await visitor.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.clock.install()
    policy = urlencode({"policy": "script-src 'nonce-abc'", "nonce": "abc"})
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/?{policy}")
    await lives(page)
    await with_more(page)
    assert said == []
    assert count() == (1, 1)


async def test_a_first_tag_that_jquery_brings(
    daphne: Daphne, packages: BrowserContext, article: Article, count: Count
) -> None:
    page = await packages.new_page()
    await page.goto(f"http://{daphne()}/sites/jquery/{article.pk}/")
    await lives(page)
    assert count() == (1, 1)


async def test_a_page_that_is_prerendered_counts_when_it_is_shown(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    other = await Article.objects.acreate(title="Another")
    host = daphne()
    page = await visitor.new_page()
    await page.goto(f"http://{host}/sites/plain/{article.pk}/")
    await lives(page)
    await page.evaluate(
        """address => {
            const rules = document.createElement("script");
            rules.type = "speculationrules";
            rules.textContent = JSON.stringify({ prerender: [{ source: "list", urls: [address] }] });
            document.head.append(rules);
            return fetch(address);
        }""",
        f"/sites/plain/{other.pk}/",
    )
    assert count() == (1, 1)
    await page.evaluate("address => { location.href = address }", f"/sites/plain/{other.pk}/")
    async with asyncio.timeout(WITHIN):
        while (views := count()) != (1, 2):
            assert views == (1, 1)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "policy",
    [
        "script-src 'self'; require-trusted-types-for 'script'",
        "script-src 'self'; require-trusted-types-for 'script'; trusted-types djinsight",
        "script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
    ],
)
async def test_a_policy_of_trusted_types(
    policy: str, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()

    await page.clock.install()
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/?{urlencode({'policy': policy})}")
    await lives(page)
    if "'none'" in policy:
        await page.clock.run_for(6000)  # without the second file the page gets no error
    else:
        await with_more(page)
    assert count() == (1, 1)


async def test_a_tab_in_the_background_counts_when_it_is_shown(
    daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    page = await visitor.new_page()
    await page.add_init_script(f"({SHOWN})('hidden')")
    sockets: list[object] = []
    page.on("websocket", lambda opened: sockets.append(opened))
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/", wait_until="load")
    assert (sockets, count()) == ([], (0, 0))
    for state in ("visible", "hidden", "visible"):
        await page.evaluate(SHOWN, state)
        if state == "visible":
            await lives(page)
    await page.evaluate(SHOWN, "hidden")
    assert count() == (1, 1)


@pytest.mark.parametrize("sandbox", [None, "allow-scripts", "allow-scripts allow-same-origin"])
async def test_a_document_that_its_page_has_written(
    sandbox: str | None, daphne: Daphne, visitor: BrowserContext, article: Article, count: Count
) -> None:
    """A written document counts without an address of its own. In a sandbox it has no origin, and is refused."""
    page = await visitor.new_page()
    await page.goto(f"http://{daphne()}/sites/list/{article.pk}/")
    await page.evaluate(
        """async ([address, sandbox]) => {
            const frame = document.createElement("iframe");
            if (sandbox !== null) frame.sandbox = sandbox;
            frame.srcdoc = await (await fetch(address)).text();
            document.body.append(frame);
            return new Promise(done => { frame.onload = done });
        }""",
        [f"/sites/plain/{article.pk}/", sandbox],
    )
    frame = page.frames[1]
    if sandbox == "allow-scripts":
        await expect(frame.locator("html")).to_have_attribute("data-djinsight-state", "polling")
        assert count() == (0, 0)
    else:
        await expect(frame.locator(f"main {TOTAL}")).to_have_text("1", timeout=WITHIN * 1000)
        assert count() == (1, 1)


async def test_a_page_that_changes_all_the_time(daphne: Daphne, visitor: BrowserContext, article: Article) -> None:
    """A page with many numbers is scanned less often."""
    page = await visitor.new_page()
    await page.clock.install()
    await page.goto(f"http://{daphne()}/sites/plain/{article.pk}/")
    await lives(page)
    await page.evaluate(
        """total => {
            const number = document.querySelector(total);
            for (let n = 0; n < 1000; n++) document.body.append(number.cloneNode(true));
        }""",
        TOTAL,
    )
    await page.clock.run_for(1000)
    await page.evaluate(
        """() => {
            const asked = document.querySelectorAll;
            window.scans = 0;
            document.querySelectorAll = function (what) {
                if (what === "[data-djinsight-view]") window.scans++;
                return asked.call(document, what);
            };
        }"""
    )
    for _ in range(40):
        await page.evaluate("document.body.append(document.createElement('i'))")
        await page.clock.run_for(50)
    assert 3 <= await page.evaluate("window.scans") <= 8  # in 2 s


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Return a function that starts nginx in front of a server, and returns its host."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        cannot_run("no nginx on this machine")
    started: list[processes.Process] = []

    def start(server: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (tmp_path / "nginx.conf").write_text(f"""
            daemon off; pid {tmp_path}/pid; error_log stderr notice; worker_processes 1;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {tmp_path}/1; proxy_temp_path {tmp_path}/2; fastcgi_temp_path {tmp_path}/3;
                uwsgi_temp_path {tmp_path}/4; scgi_temp_path {tmp_path}/5;
                server {{
                    listen 127.0.0.1:{port};
                    location / {{
                        proxy_pass http://{server};
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection upgrade;
                    }}
                }}
            }}""")
        process = processes.Process("-c", f"import os; os.execv({program!r}, ['nginx', '-c', '{tmp_path}/nginx.conf'])")
        started.append(process)
        process.wait_for("start worker process ")
        return f"127.0.0.1:{port}"

    yield start
    for process in started:
        process.stop()


async def test_a_script_name_that_the_server_does_not_know(
    daphne: Daphne, nginx: Callable[[str], str], visitor: BrowserContext, article: Article, count: Count
) -> None:
    server = daphne(FORCE_SCRIPT_NAME="/app", STATIC_URL="/app/static/")
    page = await visitor.new_page()
    await page.goto(f"http://{nginx(server)}/app/sites/plain/{article.pk}/")
    await lives(page)
    assert count() == (1, 1)
