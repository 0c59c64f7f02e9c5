"""The site as a browser sees it: its pages, the script, the HTTP fallback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.templatetags.static import static
from django.urls import get_script_prefix

from djinsight.conf import SOCKET_PATH
from djinsight.doctor import markup, obstacles, policy
from djinsight.doctor.findings import Finding, Level, fine, problem
from djinsight.doctor.markup import Markup
from djinsight.doctor.obstacles import Answer
from djinsight.pages import fallback as routes
from djinsight.tracked.refs import ObjectRef

WITHIN = 10.0  # seconds an answer may take
MAX_PAGE = 4_000_000  # bytes of a page that are read
CRAWLER = "Python-urllib/3 djinsight-doctor"  # its views would not count
LOCAL = [".localhost", "127.0.0.1", "[::1]"]  # what Django takes for ALLOWED_HOSTS under DEBUG, where it is empty


@dataclass(frozen=True, slots=True)
class Site:
    """The site at ``url``, as ``http://example.org/``. ``headers`` are sent to it, and to nobody else."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def origin(self) -> str:
        return origin_of(self.url)

    @property
    def socket_url(self) -> str:
        secure = "wss" if self.origin.startswith("https:") else "ws"
        return secure + urljoin(self.origin, get_script_prefix() + SOCKET_PATH)[len(urlsplit(self.url).scheme) :]


def script(site: Site) -> Iterator[Finding]:
    """Is djinsight.js there?"""
    url = urljoin(site.url, static("djinsight/djinsight.js"))
    answer = ask(url, site)
    if isinstance(answer, str):
        yield problem("site", f"{site.url} does not answer ({answer}).", "Start the server, or give --url.")
    elif answer.status == 200:
        yield fine("script", f"The script is at {url}.")
    elif obstacle := obstacles.of(answer, f"The script at {url}"):
        yield obstacle
    else:
        cure = "Run python manage.py collectstatic, and let the web server serve STATIC_URL."
        if settings.DEBUG:
            cure = "Let asgi.py serve the static files while you develop, as asgi_example.py does."
        yield problem("script", f"The script is not there: {url} answers {answer.status}.", cure)


def fallback(site: Site) -> Iterator[Finding]:
    """Is the HTTP fallback routed, and does it take what pages of this origin send?

    Asked for the numbers of no object: a bad view, or another method, would be refused, in the log and in the admin.
    """
    route = routes.route(routes.COUNTERS)
    if not route.works:
        return  # a system check says so
    url = urljoin(site.url, route.path)
    answer = ask(url, site, body=b'{"tokens": []}')
    if isinstance(answer, str):
        return  # said already
    frame = frame_of(answer)
    if frame is None:
        yield not_ours(answer, url)
    elif answer.status == 200:
        yield fine("urls", f"The HTTP fallback at {url} answers.")
    elif frame.get("reason") == "origin":
        cure = f"Add its host to ALLOWED_HOSTS, or {site.origin} to CSRF_TRUSTED_ORIGINS."
        yield problem("origin", f"{url} refuses the origin {site.origin}.", cure)
    else:
        text = f"The HTTP fallback at {url} refuses the question: {frame.get('reason')}."
        yield problem("urls", text, "Look at the server's log.")


def frame_of(answer: Answer) -> dict[str, Any] | None:
    """Return the frame that our view answered with, None if something else answered."""
    try:
        frame = json.loads(answer.text)
    except ValueError:
        return None
    return frame if isinstance(frame, dict) and isinstance(frame.get("type"), str) else None


def not_ours(answer: Answer, url: str) -> Finding:
    """Return who answered ``url`` in place of our view."""
    name = f"The HTTP fallback at {url}"
    if answer.status == 400:
        return problem("origin", f"{name} is refused by Django (400).", "Add the host of --url to ALLOWED_HOSTS.")
    if answer.status not in {403, 429} and (obstacle := obstacles.of(answer, name)):
        return obstacle
    cure = "Let the web server pass that path to Django, and restart Django with the URLs of this command."
    if answer.status == 403:
        cure = (
            "Look at what asks for permission, or a CSRF token, before djinsight.urls: a middleware, or another view."
        )
    return problem("urls", f"{name} is answered by something else ({answer.status}).", cure)


def page(site: Site, ref: ObjectRef, path: str) -> Iterator[Finding]:
    """Does the object's own page have its tracker?"""
    if not path:
        yield problem("page", f"{ref} has no page.", "Give its model a get_tracking_url() or get_absolute_url().")
        return
    try:
        url = urljoin(site.url, path)
        elsewhere = origin_of(url) != site.origin
        host = urlsplit(url).netloc if elsewhere else ""
    except ValueError as error:
        text = f"Expected a URL for the page of {ref} but got {path!r} ({error})."
        yield problem("page", text, "Correct its get_tracking_url() or get_absolute_url().")
        return
    if elsewhere and not (urlsplit(url).scheme in {"http", "https"} and is_own(host)):
        text = f"The page of {ref} at {url} is not of {site.origin} and its host is not in ALLOWED_HOSTS: not opened."
        yield problem("page", text, "Correct its get_tracking_url() or get_absolute_url(), or give --url.")
        return
    name = f"The page of {ref} at {url}"
    if elsewhere:
        name += f" (asked at {site.origin})"
    asked = urlunsplit((*urlsplit(site.url)[:2], *urlsplit(url)[2:])) if elsewhere else url
    answer = ask(asked, site, host=host)
    if isinstance(answer, str):
        return
    if obstacle := obstacles.of(answer, name, Level.ADVICE):
        yield obstacle
    elif answer.status >= 500:
        yield problem("page", f"{name} fails ({answer.status}).", "Look at the server's log.")
    elif answer.status != 200:
        cure = "Publish it, or correct its get_tracking_url() or get_absolute_url()."
        cure += " If it is a page of another of your sites, give --url of that one."
        yield problem("page", f"{name} answers {answer.status}.", cure)
    else:
        yield from _tracker(site, ref, answer, asked, name, origin_of(url))


def is_own(host: str) -> bool:
    """Return whether ``host`` (with or without a port) is one of the site's, by ``ALLOWED_HOSTS``."""
    allowed = settings.ALLOWED_HOSTS or (LOCAL if settings.DEBUG else [])
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def _tracker(site: Site, ref: ObjectRef, answer: Answer, asked: str, name: str, origin: str) -> Iterator[Finding]:
    found = markup.read(answer.text)
    if str(ref) in found.trackers:
        yield fine("tracker", f"The page of {ref} has its tracker.")
        yield from _script_of_page(found, answer, name, origin)
    elif found.trackers:
        others = ", ".join(sorted(found.trackers)[:3])
        cure = "Give the tag the object: {% page_view_tracker obj=... %}."
        yield problem("tracker", f"{name} counts views of {others}, not its own.", cure)
    elif signing_in := obstacles.signing_in(answer, asked, found, name):
        yield signing_in
    elif urlsplit(answer.url).path != urlsplit(asked).path:
        cure = "Let get_tracking_url() give the address of the page itself, or put the tracker there."
        yield problem("tracker", f"{name} redirects to {answer.url}, which has no tracker.", cure)
    else:
        cure = "Put {% load djinsight_tags %}{% page_view_tracker %} in its template."
        cure += " If JavaScript brings it later, look for data-djinsight-view in a browser: this command runs none."
        yield problem("tracker", f"{name} has no tracker.", cure)


def _script_of_page(found: Markup, answer: Answer, name: str, origin: str) -> Iterator[Finding]:
    """Has the page the script, too, and do its policies let it work?"""
    if found.script is None:
        cure = "Put {% djinsight_script %} before what is cached, or let the page be rendered anew."
        yield problem("script", f"{name} has a tracker and no script.", cure)
        return
    if not found.script.get("data-djinsight-http") and routes.route().works:
        cure = (
            'Add path("djinsight/", include("djinsight.urls")) to the URLs of its host, before what takes every path.'
        )
        yield problem("urls", f"{name} knows no HTTP fallback.", cure)
    policies = [*answer.policies, *found.policies]
    src = urljoin(origin, found.script.get("src", ""))
    if policy.forbids_script(policies, src, origin, found.script.get("nonce", "")):
        cure = "Add its origin, or 'self', to script-src; or let Django's or django-csp's middleware make the nonce."
        yield problem("policy", f"The Content-Security-Policy of {name[0].lower()}{name[1:]} forbids {src}.", cure)
    socket = "ws" + urljoin(origin, found.script["data-djinsight-socket"])[4:]
    if policy.forbids_connection(policies, socket, origin):
        text = f"The Content-Security-Policy of {name[0].lower()}{name[1:]} forbids to connect to {socket}."
        yield problem("policy", text, "Add 'self' to connect-src.")


def origin_of(url: str) -> str:
    """``https://example.org`` of ``https://example.org/page/``. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect to the same origin, or to the host that was asked for; another one is the answer itself."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        to, asked = urlsplit(newurl), urlsplit(req.full_url)
        if req.has_header("Host") and (to.scheme, to.netloc) == (asked.scheme, req.get_header("Host")):
            newurl = urlunsplit((*asked[:2], *to[2:]))
        elif (to.scheme, to.netloc) != asked[:2]:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(url: str, site: Site, body: bytes | None = None, host: str = "", agent: str = CRAWLER) -> Answer | str:
    """Return the answer to one request as a page of this site sends it, or why there is none.

    Args:
        host: the name that the site is asked by, if it is another one than that in ``url``.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        return f"expected http or https but got {url!r}"
    headers = {"User-Agent": agent, "Origin": site.origin}
    if host:
        headers["Host"] = host
    if origin_of(url) == site.origin:
        headers.update(site.headers)
    try:
        with build_opener(_SameOrigin).open(Request(url, data=body, headers=headers), timeout=WITHIN) as answer:
            return _read(answer.status, answer)
    except HTTPError as error:
        with error:
            return _read(error.code, error)
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError, HTTPException) as error:
        return str(error) or type(error).__name__


def _read(status: int, answer: Any) -> Answer:
    text = answer.read(MAX_PAGE).decode(errors="replace")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    # Several policies, in headers of their own or after commas, hold together.
    named = answer.headers.get_all("Content-Security-Policy", [])
    policies = tuple(each for header in named for each in header.split(","))
    return Answer(status, text, answer.url, headers, policies)
