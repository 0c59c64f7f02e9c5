"""The documentation, executed: its Python runs, its templates render, its commands exist, its links lead somewhere."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.template import Context, Template

from djinsight.beacons.ids import COOKIE_NAME
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support.chromium import launched, visiting
from tests.support.counted_views import count_views
from tests.support.documents import ROOT, Block, blocks, name_of, pages

pytestmark = pytest.mark.docs

BLOCKS = [block for page in pages() for block in blocks(page)]
PAGES = [pytest.param(page, id=name_of(page)) for page in pages()]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
PICTURE = re.compile(r'<img src="([^"]+)"')
REPOSITORY = "https://github.com/djinsight/djinsight/blob/main/"  # of links to files that are no pages of the site


def of(*languages: str, titled: bool | None = None) -> list[Any]:
    """The blocks of some languages, as parameters with names."""
    chosen = [
        block for block in BLOCKS if block.language in languages and (titled is None or bool(block.title) is titled)
    ]
    return [pytest.param(block, id=str(block)) for block in chosen]


@pytest.fixture
def site(db: None) -> dict[str, Any]:
    """A site as the pages take it for granted, with some views."""
    articles = [Article.objects.create(title=title) for title in ("First", "Second", "Third")]
    for number, article in enumerate(articles, 1):
        Comment.objects.create(article=article, text="Well said.")
        count_views(ObjectRef.of(article), number)
    return {
        "Article": Article,
        "Comment": Comment,
        "News": News,
        "Product": Product,
        "Term": Term,
        "article": articles[0],
        "articles": articles,
        "other": articles[1],
        "product": Product.objects.create(name="A broom"),
    }


@pytest.mark.parametrize("page", PAGES)
def test_python_runs(page: Path, site: dict[str, Any]) -> None:
    """The blocks of a page that belong into no file, one after the other as a reader would type them."""
    for block in blocks(page):
        if block.language == "python" and not block.title:
            # Padded with lines, so that an error names the line of the page.
            code = compile("\n" * block.line + block.text, block.page, "exec")
            exec(code, site)  # the project's own documentation


def test_the_text_names_each_file() -> None:
    """GitHub does not show the titles of blocks: the paragraph before one names its file."""
    for block in BLOCKS:
        if "." in block.title:
            before = (ROOT / block.page).read_text(encoding="utf-8").splitlines()[: block.line - 1]
            paragraph = "\n".join(before).rstrip().rpartition("\n\n")[2]
            # The README names the files of a step together.
            assert block.title in paragraph or block.page == "README.md", str(block)


@pytest.mark.parametrize("block", of("python", titled=True))
def test_a_file_is_python(block: Block) -> None:
    ast.parse(block.text)


def test_every_celery_file_says_where_the_settings_are() -> None:
    """``celery -A`` knows of no settings but those."""
    found = [block for block in BLOCKS if block.title.endswith("celery.py")]
    assert found
    for block in found:
        assert 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", ' in block.text, str(block)


def test_every_list_of_apps_has_the_same_order() -> None:
    """The site's own before ours, so that their templates win, and Daphne first, whose runserver is to be taken."""
    found = [block for block in BLOCKS if block.language == "python" and "INSTALLED_APPS = [" in block.text]
    assert len(found) >= 2
    order = [
        "djinsight.daphne",
        "django.contrib.staticfiles",
        "blog",
        "django_celery_beat",
        "djinsight",
        "djinsight.wagtail",
    ]
    for block in found:
        (line,) = [line for line in block.text.splitlines() if line.startswith("INSTALLED_APPS = ")]
        apps = eval(line.partition(" = ")[2], {"INSTALLED_APPS": ["django.contrib.staticfiles"]})
        assert apps == order[: len(apps)], str(block)


@pytest.mark.parametrize("block", of("django", "html"))
def test_a_template_renders(block: Block, site: dict[str, Any]) -> None:
    load = "" if "{% load" in block.text else "{% load djinsight_tags %}"
    assert Template(load + block.text).render(Context({**site, "object": site["article"]})).strip()


@pytest.mark.parametrize("block", of("console"))
def test_a_command_exists(block: Block) -> None:
    """``python manage.py NAME OPTIONS`` is taken by the command's own parser."""
    for line in block.text.splitlines():
        command = shlex.split(line.removeprefix("$ "), comments=True)
        if command[:2] == ["python", "manage.py"]:
            name, *options = command[2:]
            app = get_commands()[name]
            loaded = load_command_class(app, name) if isinstance(app, str) else app
            loaded.create_parser("manage.py", name).parse_args(options)


@pytest.mark.parametrize("block", of("ini"))
def test_a_unit_starts_something(block: Block) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string(block.text)
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    name = arguments[1] if program.endswith("/python") else Path(program).name
    assert importlib.util.find_spec(name) is not None


@pytest.mark.browser
@pytest.mark.parametrize("block", of("js"))
async def test_a_banner_keeps_the_choice(block: Block) -> None:
    """The example for consent, with the cookie that the setting beside it names."""
    (setting,) = re.findall(r'DJINSIGHT_CONSENT_COOKIE = "([^"]+)"', (ROOT / block.page).read_text(encoding="utf-8"))
    html = f"<button id=agree>a</button><button id=withdraw>w</button><script>{block.text}</script>"
    async with launched() as browser, visiting(browser) as visitor:
        page = await visitor.new_page()
        await page.route("**", lambda route: route.fulfill(body=html, content_type="text/html"))
        await page.goto("http://localhost/")
        await page.evaluate(f"document.cookie = '{COOKIE_NAME}=x; path=/'")
        await page.click("#agree")
        assert setting in await page.evaluate("document.cookie")
        await page.click("#withdraw")
        kept = await page.evaluate("document.cookie")
        assert setting not in kept
        assert COOKIE_NAME not in kept


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in PICTURE.findall(text):
        assert (page.parent / target).exists(), f"{page.name} shows {target}"
    for target in re.findall(re.escape(REPOSITORY) + r"([^)\s]+)", text):
        assert (ROOT / target).exists(), f"{page.name} links to {target}"
    for target, anchor in LINK.findall(text):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor.removeprefix("#") in map(_anchor, headings), f"{page.name} links to {target}{anchor}"


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("folder", ["how-to", "reference", "explanation"])
def test_every_page_is_in_the_index_of_its_folder(folder: str) -> None:
    """The links are for readers on GitHub, the toctree for the site."""
    index = ROOT / "docs" / folder / "index.md"
    text = index.read_text(encoding="utf-8")
    names = sorted(page.stem for page in index.parent.glob("*.md") if page != index)
    linked = sorted(target.removesuffix(".md") for target, _ in LINK.findall(text) if "/" not in target)
    listed = text.partition(":hidden:")[2].strip(" `\n").split()
    assert linked == sorted(listed) == names


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_guarantee_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "explanation" / "guarantees.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+\.py)::(test_\w+)`", page)
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert named
    assert [(file, test) for file, test in named if f"def {test}(" not in files.get(file, "")] == []
