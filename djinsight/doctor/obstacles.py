"""Obstacles: answers that stand between the doctor and the page, and say nothing of the page itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch

from djinsight.doctor.findings import Finding, Level, advice, problem
from djinsight.doctor.markup import Markup

LET_IN = "Give --header with what lets you in, as --header 'Cookie: sessionid=...' or 'Authorization: Basic ...'"
MOVED = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer over HTTP: ``url`` is where it came from in the end, ``location`` where it leads to."""

    status: int
    text: str
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        return urljoin(self.url, self.headers.get("location", ""))


def of(answer: Answer, name: str, level: Level = Level.PROBLEM) -> Finding | None:
    """Return what keeps the doctor from ``name`` ("The page of blog.article:5 at ..."), None if it got an answer.

    Args:
        level: how bad it is that ``name`` cannot be looked at.
    """
    if answer.status in MOVED:
        return _moved(answer, name)
    if answer.status == 401:
        return Finding(level, "unseen", f"{name} asks for a password (401): it cannot be looked at.", f"{LET_IN}.")
    if answer.status in {403, 429}:
        text = f"{name} is refused to this command ({answer.status}): it cannot be looked at."
        return Finding(level, "unseen", text, f"{LET_IN}, or let the user agent djinsight-doctor pass.")
    if answer.status == 503:
        text = f"{name} is not available (503), as in maintenance."
        return problem("unavailable", text, f"Try again when the site is back. {LET_IN}.")
    return None


def signing_in(answer: Answer, asked: str, markup: Markup, name: str) -> Finding | None:
    """Return that ``name`` showed a form to sign in with, None if it did not."""
    led = urlsplit(answer.url)
    moved = led.path != urlsplit(asked).path
    if markup.asks_for_a_password or (moved and (led.path == _login_path() or "next" in parse_qs(led.query))):
        where = f" at {answer.url}" if moved else ""
        return advice("unseen", f"{name} asks to sign in{where}: it cannot be looked at.", f"{LET_IN}.")
    return None


def _moved(answer: Answer, name: str) -> Finding:
    to = urlsplit(answer.location)
    if (to.scheme, to.netloc) == urlsplit(answer.url)[:2]:
        return problem("moved", f"{name} redirects in a circle, by {answer.location}.", "Look at the server's log.")
    cure = f"Give --url {to.scheme}://{to.netloc}/, or the public address of the site: browsers end up there."
    return problem("moved", f"{name} redirects to {answer.location}.", cure)


def _login_path() -> str:
    try:
        return urlsplit(resolve_url(settings.LOGIN_URL)).path
    except NoReverseMatch:
        return str(settings.LOGIN_URL)
