"""The site as a browser sees it: its script, its HTTP fallback and its pages."""

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
MAX_PAGE = 4_000_000  # bytes read of a page
CRAWLER = "Python-urllib/3 djinsight-doctor"  # a crawler's user agent, so that its views do not count
LOCAL = [".localhost", "127.0.0.1", "[::1]"]  # Django's ALLOWED_HOSTS under DEBUG, if the setting is empty


@dataclass(frozen=True, slots=True)
class Site:
    """The site to check.

    Attributes:
        url: Its address, such as ``http://example.org/``.
        headers: Sent with each request to this origin, and to no other.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def origin(self) -> str:
        """The origin of its pages, such as ``http://example.org``."""
        return origin_of(self.url)

    @property
    def socket_url(self) -> str:
        """The URL of its socket, such as ``ws://example.org/ws/djinsight/``."""
        secure = "wss" if self.origin.startswith("https:") else "ws"
        return secure + urljoin(self.origin, get_script_prefix() + SOCKET_PATH)[len(urlsplit(self.url).scheme) :]


def script(site: Site) -> Iterator[Finding]:
    """Check that the site serves djinsight.js."""
    url = urljoin(site.url, static("djinsight/djinsight.js"))
    answer = ask(url, site)
    if isinstance(answer, str):
        yield problem("site", f"{site.url} does not answer ({answer}).", "Start the server, or give --url.")
    elif answer.status == 200:
        yield fine("script", f"The script is at {url}.")
    elif obstacle := obstacles.of(answer, f"The script at {url}"):
        yield obstacle
    else:
        cure = "Run python manage.py collectstatic, and make the web server serve STATIC_URL."
        if settings.DEBUG:
            cure = "Make asgi.py serve the static files during development, as asgi_example.py does."
        yield problem("script", f"There is no script at {url}, which answers {answer.status}.", cure)


def fallback(site: Site) -> Iterator[Finding]:
    """Check that the HTTP fallback is routed, and that it accepts requests from pages of this origin.

    The request asks for the counters of no objects. A bad view or another method would be refused, and each refusal
    appears in the log and in the admin.
    """
    route = routes.route(routes.COUNTERS)
    if not route.works:
        return  # a system check reports this
    url = urljoin(site.url, route.path)
    answer = ask(url, site, body=b'{"tokens": []}')
    if isinstance(answer, str):
        return  # the finding of the script reports this
    frame = frame_of(answer)
    if frame is None:
        yield not_ours(answer, url)
    elif answer.status == 200:
        yield fine("urls", f"The HTTP fallback at {url} answers.")
    elif frame.get("reason") == "origin":
        cure = f"Add its host to ALLOWED_HOSTS, or {site.origin} to CSRF_TRUSTED_ORIGINS."
        yield problem("origin", f"{url} refuses the origin {site.origin}.", cure)
    else:
        text = f"The HTTP fallback at {url} refuses to send counters ({frame.get('reason')})."
        yield problem("urls", text, "Look at the server's log.")


def frame_of(answer: Answer) -> dict[str, Any] | None:
    """Return the frame in the answer of djinsight's HTTP fallback, or None if something else answered."""
    try:
        frame = json.loads(answer.text)
    except ValueError:
        return None
    return frame if isinstance(frame, dict) and isinstance(frame.get("type"), str) else None


def not_ours(answer: Answer, url: str) -> Finding:
    """Return the finding for an answer from ``url`` that does not come from djinsight's HTTP fallback."""
    name = f"The HTTP fallback at {url}"
    if answer.status == 400:
        return problem("origin", f"{name} is refused by Django (400).", "Add the host of --url to ALLOWED_HOSTS.")
    if answer.status not in {403, 429} and (obstacle := obstacles.of(answer, name)):
        return obstacle
    cure = "Make the web server pass this path to Django, and restart Django, so that it has the URLs of this command."
    if answer.status == 403:
        cure = "Find the middleware or view that asks for a permission or a CSRF token before djinsight.urls is asked."
    return problem("urls", f"{name} is answered by something else ({answer.status}).", cure)


def page(site: Site, ref: ObjectRef, path: str) -> Iterator[Finding]:
    """Check that the page of ``ref`` has its tracker.

    Args:
        site: The site that serves it.
        ref: The object.
        path: The path or URL of its page, ``""`` if it has none.
    """
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
        text = f"The page of {ref} at {url} was not opened, because it is not at {site.origin} and its host is not in "
        text += "ALLOWED_HOSTS."
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
        cure += " If the page belongs to another of your sites, give the --url of that site."
        yield problem("page", f"{name} answers {answer.status}.", cure)
    else:
        yield from _tracker(site, ref, answer, asked, name, origin_of(url))


def is_own(host: str) -> bool:
    """Return whether ``ALLOWED_HOSTS`` has ``host``, which may include a port."""
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
        cure = "Give the tag the object, as in {% page_view_tracker obj=... %}."
        yield problem("tracker", f"{name} counts views of {others}, not of its own object.", cure)
    elif signing_in := obstacles.signing_in(answer, asked, found, name):
        yield signing_in
    elif urlsplit(answer.url).path != urlsplit(asked).path:
        cure = "Make get_tracking_url() return the address of the page itself, or add the tracker to the other page."
        yield problem("tracker", f"{name} redirects to {answer.url}, which has no tracker.", cure)
    else:
        cure = "Put {% load djinsight_tags %}{% page_view_tracker %} into its template."
        cure += " This command runs no JavaScript: if a script adds it, look for data-djinsight-view in a browser."
        yield problem("tracker", f"{name} has no tracker.", cure)


def _script_of_page(found: Markup, answer: Answer, name: str, origin: str) -> Iterator[Finding]:
    """Check that the page has the script and the fallback's URL, and that its policies permit script and socket."""
    if found.script is None:
        cure = "Put {% djinsight_script %} before the cached part of its template, or clear the page from the cache."
        yield problem("script", f"{name} has a tracker but no script.", cure)
        return
    if not found.script.get("data-djinsight-http") and routes.route().works:
        cure = 'Add path("djinsight/", include("djinsight.urls")) to the URLs of its host, before a catch-all pattern.'
        yield problem("urls", f"{name} does not know the HTTP fallback.", cure)
    policies = [*answer.policies, *found.policies]
    src = urljoin(origin, found.script.get("src", ""))
    if policy.forbids_script(policies, src, origin, found.script.get("nonce", "")):
        cure = "Add its origin, or 'self', to script-src, or use the nonce of Django's or django-csp's middleware."
        yield problem("policy", f"The Content-Security-Policy of {name[0].lower()}{name[1:]} forbids {src}.", cure)
    socket = "ws" + urljoin(origin, found.script["data-djinsight-socket"])[4:]
    if policy.forbids_connection(policies, socket, origin):
        text = f"The Content-Security-Policy of {name[0].lower()}{name[1:]} forbids a connection to {socket}."
        yield problem("policy", text, "Add 'self' to connect-src.")


def origin_of(url: str) -> str:
    """Return the origin of a URL: ``https://example.org`` for ``https://example.org/page/``.

    Raises:
        ValueError: It is not a URL.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect to the same origin, or to the host that was asked for; returns any other one as the answer."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        to, asked = urlsplit(newurl), urlsplit(req.full_url)
        if req.has_header("Host") and (to.scheme, to.netloc) == (asked.scheme, req.get_header("Host")):
            newurl = urlunsplit((*asked[:2], *to[2:]))
        elif (to.scheme, to.netloc) != asked[:2]:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(url: str, site: Site, body: bytes | None = None, host: str = "", agent: str = CRAWLER) -> Answer | str:
    """Send one request as a page of this site does, and return the answer, or why there is none.

    Args:
        url: The address.
        site: The site whose origin the request has. Its headers are added if ``url`` has the same origin.
        body: The body of a POST request; None for GET.
        host: The Host header, if it differs from the host in ``url``.
        agent: The user agent.
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
    # Policies in several headers, or separated by commas in one, all apply.
    named = answer.headers.get_all("Content-Security-Policy", [])
    policies = tuple(each for header in named for each in header.split(","))
    return Answer(status, text, answer.url, headers, policies)
