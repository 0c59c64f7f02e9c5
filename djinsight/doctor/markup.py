"""Markup: the parts of a page's HTML that the doctor checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Markup:
    """The trackers, the script and the policies in the HTML of one page, before any JavaScript runs."""

    trackers: set[str] = field(default_factory=set)  # refs
    script: dict[str, str] | None = None  # the attributes of its script element
    policies: list[str] = field(default_factory=list)
    asks_for_a_password: bool = False


def read(text: str) -> Markup:
    """Return the relevant markup of a page. Never raises, because any string is HTML, as in browsers."""
    reader = _Reader()
    reader.feed(text)
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Markup()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if "data-djinsight-view" in attributes:
            self.found.trackers.add(attributes.get("data-djinsight-ref", ""))
        if tag == "script" and "data-djinsight-socket" in attributes:
            self.found.script = attributes
        if tag == "input" and attributes.get("type", "").lower() == "password":
            self.found.asks_for_a_password = True
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy":
            self.found.policies.append(attributes.get("content", ""))
