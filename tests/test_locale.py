"""The tags in other languages: every text that visitors read is there, and compiled."""

from __future__ import annotations

import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils import translation

import djinsight
from tests.blog.models import Article
from tests.pages import html
from tests.test_public_api import TEMPLATES

ROOT = Path(djinsight.__file__).parent
LANGUAGES = sorted(path.name for path in (ROOT / "locale").iterdir())
TEXTS = {
    text
    for name in TEMPLATES
    for text in re.findall(
        r'{% translate "(.+?)" %}', (ROOT / f"templates/djinsight/{name}.html").read_text(encoding="utf-8")
    )
}
CAPTION = "Views a day, %(first)s to %(last)s"
PO = re.compile(r'^msgid "(.+)"\nmsgstr "(.+)"$', re.MULTILINE)


def test_languages() -> None:
    assert LANGUAGES == ["cs", "de", "es", "fr"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_and_compiled(language: str) -> None:
    folder = ROOT / "locale" / language / "LC_MESSAGES"
    written = dict(PO.findall((folder / "django.po").read_text(encoding="utf-8")))
    assert set(written) == TEXTS | {CAPTION}
    with (folder / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    assert {text: compiled.gettext(text) for text in written} == written
    assert not {text for text in written if written[text] == text}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "label"),
    [("cs", "Zobrazení"), ("de", "Aufrufe"), ("de-at", "Aufrufe"), ("es", "Visitas"), ("fr", "Vues"), ("en", "Views")],
)
def test_a_label_in_the_language_of_the_page(language: str, label: str) -> None:
    article = Article.objects.create(title="x")
    with translation.override(language):
        assert f">{label}</span>" in html("{% total_views_stat %}", article=article)
