"""Locale: strings for visitors are translated in all languages, strings for admins in some; all are compiled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

import djinsight
from djinsight.models import PageViewStatistics
from tests.blog.models import Article
from tests.support.rendered_pages import html

ROOT = Path(djinsight.__file__).parent
LANGUAGES = sorted(path.name for path in (ROOT / "locale").iterdir())
COMPLETE = ("cs", "de")  # also with the strings for admins
TEXTS = {
    text
    for template in (ROOT / "templates" / "djinsight").iterdir()
    for text in re.findall(r'{% translate "(.+?)" %}', template.read_text(encoding="utf-8"))
}
CAPTION = "Views a day, %(first)s to %(last)s"
FUNCTIONS = {"_", "gettext", "gettext_lazy"}
PO = re.compile(r'^msgid "(.+)"\nmsgstr "(.+)"$', re.MULTILINE)


def messages() -> Iterator[str]:
    """Return all strings that the package marks for translation, in its modules and templates."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
                yield ast.literal_eval(node.args[0])
    for path in ROOT.rglob("*.html"):
        # As in makemessages, a template is reduced to its calls of gettext.
        calls = re.findall(r"gettext\(u?(\"[^\"]*\"|'[^']*')\)", templatize(path.read_text(encoding="utf-8")))
        yield from map(ast.literal_eval, calls)


def test_messages() -> None:
    """The strings of models, the admin, the tags and Wagtail's report are translated."""
    assert {"total views", "object", "This week", CAPTION, "Most viewed pages"} <= set(messages())


def test_languages() -> None:
    assert LANGUAGES == ["cs", "de", "es", "fr"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_and_compiled(language: str) -> None:
    folder = ROOT / "locale" / language / "LC_MESSAGES"
    written = dict(PO.findall((folder / "django.po").read_text(encoding="utf-8")))
    assert set(written) == (set(messages()) if language in COMPLETE else TEXTS | {CAPTION})
    with (folder / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    assert {text: compiled.gettext(text) for text in written} == written
    assert not {text for text in TEXTS if written[text] == text}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "label"),
    [("cs", "Zobrazení"), ("de", "Aufrufe"), ("de-at", "Aufrufe"), ("es", "Visitas"), ("fr", "Vues"), ("en", "Views")],
)
def test_a_label_in_the_language_of_the_page(language: str, label: str) -> None:
    article = Article.objects.create(title="x")
    with translation.override(language):
        assert f">{label}</span>" in html("{% total_views_stat %}", article=article)


@pytest.mark.parametrize(("language", "name"), [("cs", "statistika zobrazení"), ("de", "Aufrufstatistik")])
def test_a_model_in_the_language_of_the_admin(language: str, name: str) -> None:
    with translation.override(language):
        assert str(PageViewStatistics._meta.verbose_name) == name
