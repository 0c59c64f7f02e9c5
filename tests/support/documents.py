"""Documents: the code blocks of the README and of the pages in ``docs/``, for tests that run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One fenced block; ``title`` is the file that it belongs to, ``""`` for none."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of one Markdown file in their order."""
    source = page.read_text(encoding="utf-8")
    return [
        Block(
            name_of(page),
            source.count("\n", 0, match.start()) + 1,
            match["language"],
            match["title"] or "",
            match["text"],
        )
        for match in _BLOCK.finditer(source)
    ]


def pages() -> list[Path]:
    """Return the README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return the path of ``page`` in the repository, as in ``"docs/how-to/wagtail.md"``."""
    return page.relative_to(ROOT).as_posix()
