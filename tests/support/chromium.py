"""Chromium for the tests, and browser contexts of one visitor each."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.support.servers import cannot_run
from tests.support.sockets import BROWSER, WITHIN

# Playwright's default of 5 s is too short for a busy machine.
expect.set_options(timeout=WITHIN * 1000)

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        cannot_run("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            # Headless Chromium's user agent is a crawler's, and that of a context is not on every request.
            args=[*FLAGS, f"--user-agent={BROWSER}"],
            # Playwright turns the back/forward cache off, but visitors have it on.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Yield a browser context of one visitor, and assert that its pages have no errors."""
    context = await browser.new_context()
    context.set_default_timeout(WITHIN * 1000)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    yield context
    await context.close()
    assert problems == []
