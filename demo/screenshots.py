"""``python -m demo.screenshots``: make the pictures of the documentation from a demo of its own, with Chromium."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from demo.simulate import BROWSERS
from demo.staff import PASSWORD, USERNAME

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images"
HISTORY = 40  # days, so that charts have a past
COLOURS = 128  # of a picture: enough for flat pages, and half of the bytes
MARGIN = 24  # pixels around a part of a page
FRAMES, FRAME_MS = 9, 1200
WINDOW = {"width": 500, "height": 520}
WITHIN = 60_000  # ms

Scheme = Literal["light", "dark"]


@contextmanager
def demo(port: int) -> Iterator[str]:
    """Run a demo on fresh data; give its address when it is ready."""
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable,
            "-m",
            "demo",
            "--cms",
            "--data",
            data,
            "--port",
            str(port),
            "--history",
            str(HISTORY),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            found = (re.match(r"ready (\S+)", line) for line in process.stdout)
            ready = next(filter(None, found), None)
            if ready is None:
                raise SystemExit("The demo has ended by itself.")
            yield ready[1]
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


class Studio:
    """A browser on the demo, and the folder in which the pictures go."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self.browser = browser
        self.url = url
        self.folder = folder

    def context(self, width: int, height: int, scheme: Scheme = "light") -> BrowserContext:
        """Return a visitor with a window of that size."""
        made = self.browser.new_context(
            base_url=self.url, viewport={"width": width, "height": height}, color_scheme=scheme, user_agent=BROWSERS[0]
        )
        made.set_default_timeout(WITHIN)
        return made

    def open(self, path: str, width: int, height: int, scheme: Scheme = "light") -> Page:
        """Open a page of the site, and wait until its numbers are live."""
        page = self.context(width, height, scheme).new_page()
        page.goto(path)
        page.wait_for_selector("html[data-djinsight-state=live]")
        return page

    def signed_in(self, path: str, login: str, width: int, height: int, scheme: Scheme = "light") -> Page:
        """Open a page of an admin."""
        page = self.context(width, height, scheme).new_page()
        page.goto(login)
        page.fill("input[name=username]", USERNAME)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "login" not in url)
        page.goto(path)
        return page

    def keep(self, name: str, page: Page, part: str = "") -> None:
        """Write a picture of the window, or of one element with a margin, with few colours."""
        clip = None
        if part:
            box = page.locator(part).bounding_box()
            assert box is not None
            clip = {"x": box["x"] - MARGIN, "y": box["y"], "width": box["width"] + 2 * MARGIN, "height": box["height"]}
            clip["height"] += MARGIN
        # Transitions are at their end then, as that of a panel that opens.
        picture: Any = page.screenshot(animations="disabled", clip=clip, full_page=bool(part))  # type: ignore[arg-type]
        few_colours(Image.open(BytesIO(picture)).convert("RGB")).save(self.folder / f"{name}.png", optimize=True)

    def path_of(self, kind: str) -> str:
        """Return the address of the most viewed of the demo's articles or courses, when a worker has written views."""
        page = self.context(1100, 700).new_page()
        link = page.locator(f".board a[href^='/{kind}/']").first
        for _ in range(WITHIN // 1000):
            page.goto("/most-viewed/")
            if link.count():
                return str(link.get_attribute("href"))
            page.wait_for_timeout(1000)
        raise SystemExit("No worker has written the views of the past.")


def few_colours(image: Image.Image, colours: int = COLOURS) -> Image.Image:
    """Return the picture in a palette that keeps rare colours, too, as that of a small dot."""
    return image.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def widget(studio: Studio, scheme: Scheme) -> None:
    page = studio.open(studio.path_of("courses"), 760, 900, scheme)
    studio.keep(f"widget-{scheme}", page, "aside:has(.djinsight-analytics-widget)")


def most_viewed(studio: Studio, scheme: Scheme) -> None:
    studio.keep(f"most-viewed-{scheme}", studio.open("/most-viewed/", 1100, 700, scheme))


def articles_phone(studio: Studio) -> None:
    studio.keep("articles-phone", studio.open("/", 390, 844))


def admin(studio: Studio, scheme: Scheme) -> None:
    path = "/admin/djinsight/pageviewstatistics/"
    studio.keep(f"admin-{scheme}", studio.signed_in(path, "/admin/login/", 1280, 620, scheme))


def wagtail_panel(studio: Studio) -> None:
    page = studio.signed_in("/cms-admin/reports/most-viewed/", "/cms-admin/login/", 1280, 800)
    page.locator("table a[href*='/pages/']").first.click()
    page.wait_for_selector("[data-side-panel-toggle=views]")
    page.click("[data-side-panel-toggle=views]")
    page.wait_for_selector(".djinsight-chart:visible")
    studio.keep("wagtail-panel", page)


def wagtail_report(studio: Studio) -> None:
    studio.keep("wagtail-report", studio.signed_in("/cms-admin/reports/most-viewed/", "/cms-admin/login/", 1280, 540))


def two_windows(studio: Studio) -> None:
    """Show an article beside a list in dark colours, while other visitors come to the article."""
    path = studio.path_of("articles")
    windows = [studio.open(path, **WINDOW), studio.open("/most-viewed/", **WINDOW, scheme="dark")]
    windows[1].locator(".boards").scroll_into_view_if_needed()
    number = windows[0].locator("[data-djinsight-stat=total_views]").first
    frames = []
    for _ in range(FRAMES):
        sides = [Image.open(BytesIO(window.screenshot())).convert("RGB") for window in windows]
        frame = Image.new("RGB", (2 * WINDOW["width"] + 10, WINDOW["height"]), "#888888")
        for place, side in enumerate(sides):
            frame.paste(side, (place * (WINDOW["width"] + 10), 0))
        frames.append(frame)
        before = number.inner_text()
        studio.open(path, **WINDOW).context.close()
        number.and_(windows[0].locator(f":text-is('{before}')")).wait_for(state="hidden")
    # The colours of one frame for all, so that a frame holds only what has changed.
    palette = few_colours(frames[-1], COLOURS // 2)
    first, *more = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    target = studio.folder / "two-windows.gif"
    first.save(target, save_all=True, append_images=more, duration=FRAME_MS, loop=0, optimize=True)


SHOTS: dict[str, Callable[[Studio], Any]] = {
    "two-windows": two_windows,
    "widget-light": lambda studio: widget(studio, "light"),
    "widget-dark": lambda studio: widget(studio, "dark"),
    "most-viewed-light": lambda studio: most_viewed(studio, "light"),
    "most-viewed-dark": lambda studio: most_viewed(studio, "dark"),
    "articles-phone": articles_phone,
    "admin-light": lambda studio: admin(studio, "light"),
    "admin-dark": lambda studio: admin(studio, "dark"),
    "wagtail-panel": wagtail_panel,
    "wagtail-report": wagtail_report,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"pictures to make: {', '.join(SHOTS)} (all)")
    parser.add_argument("--to", type=Path, default=PICTURES, metavar="DIR", help="where they go (docs/images)")
    parser.add_argument("--port", type=int, default=8765, help="the port of the demo (%(default)s)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in SHOTS]
    if unknown:
        parser.error(f"expected names of {', '.join(SHOTS)} but got {', '.join(unknown)}")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium was not found. Install it, as with: apt-get install chromium")
    with demo(options.port) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        studio = Studio(browser, url, options.to)
        for name in options.names or SHOTS:
            SHOTS[name](studio)
            print(name, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
