"""Obstacles: answers that keep the doctor from a page, and tell nothing about the page itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch

from djinsight.doctor.findings import Finding, Level, advice, problem
from djinsight.doctor.markup import Markup

LET_IN = "Give credentials with --header, such as 'Cookie: sessionid=...' or 'Authorization: Basic ...'"
MOVED = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer over HTTP.

    Attributes:
        status: The HTTP status.
        text: The body.
        url: The address that it came from, after redirects.
        headers: The headers by their names in lower case.
        policies: Its Content-Security-Policies.
    """

    status: int
    text: str
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """The absolute URL of the ``Location`` header."""
        return urljoin(self.url, self.headers.get("location", ""))


def of(answer: Answer, name: str, level: Level = Level.PROBLEM) -> Finding | None:
    """Return the finding for an answer that says nothing of what was asked for, or None for any other answer.

    Args:
        answer: The answer.
        name: The subject of the finding's sentence, such as "The page of blog.article:5 at http://...".
        level: How serious it is that the doctor cannot check it.
    """
    if answer.status in MOVED:
        return _moved(answer, name)
    if answer.status == 401:
        return Finding(level, "unseen", f"{name} asks for a password (401), so it cannot be checked.", f"{LET_IN}.")
    if answer.status in {403, 429}:
        text = f"{name} is refused to this command ({answer.status}), so it cannot be checked."
        return Finding(level, "unseen", text, f"{LET_IN}, or permit the user agent djinsight-doctor.")
    if answer.status == 503:
        text = f"{name} is not available (503), as during maintenance."
        return problem("unavailable", text, f"Try again when the site is back. {LET_IN}.")
    return None


def signing_in(answer: Answer, asked: str, markup: Markup, name: str) -> Finding | None:
    """Return the finding for an answer that asks the visitor to sign in, or None for any other answer.

    Args:
        answer: The answer, after redirects.
        asked: The URL that was asked for.
        markup: The markup of the answer.
        name: The subject of the finding's sentence.
    """
    led = urlsplit(answer.url)
    moved = led.path != urlsplit(asked).path
    if markup.asks_for_a_password or (moved and (led.path == _login_path() or "next" in parse_qs(led.query))):
        where = f" at {answer.url}" if moved else ""
        return advice("unseen", f"{name} asks to sign in{where}, so it cannot be checked.", f"{LET_IN}.")
    return None


def _moved(answer: Answer, name: str) -> Finding:
    to = urlsplit(answer.location)
    if (to.scheme, to.netloc) == urlsplit(answer.url)[:2]:
        return problem("moved", f"{name} redirects in a circle, via {answer.location}.", "Look at the server's log.")
    cure = f"Give --url {to.scheme}://{to.netloc}/, or the public address of the site, as browsers end up there."
    return problem("moved", f"{name} redirects to {answer.location}.", cure)


def _login_path() -> str:
    try:
        return urlsplit(resolve_url(settings.LOGIN_URL)).path
    except NoReverseMatch:
        return str(settings.LOGIN_URL)
