"""What a browser would see of the site: its pages, the script, the HTTP fallback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.templatetags.static import static
from django.urls import get_script_prefix

from djinsight import fallback as routes
from djinsight.beacons.refs import ObjectRef
from djinsight.doctor.findings import Finding, fine, problem
from djinsight.routing import SOCKET_PATH

WITHIN = 10.0  # seconds an answer may take
MAX_PAGE = 4_000_000  # bytes of a page that are read
CRAWLER = "Python-urllib/3 djinsight-doctor"  # pages make no session for it


@dataclass(frozen=True, slots=True)
class Site:
    """The site at ``url``, as ``http://example.org/``."""

    url: str

    @property
    def origin(self) -> str:
        return origin_of(self.url)

    @property
    def socket_url(self) -> str:
        secure = "wss" if self.origin.startswith("https:") else "ws"
        return secure + urljoin(self.origin, get_script_prefix() + SOCKET_PATH)[len(urlsplit(self.url).scheme) :]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


def script(site: Site) -> Iterator[Finding]:
    """Is djinsight.js there?"""
    url = urljoin(site.url, static("djinsight/djinsight.js"))
    answer = ask(url, site)
    if isinstance(answer, str):
        yield problem("site", f"{site.url} does not answer ({answer}).", "Start the server, or give --url.")
    elif answer.status != 200:
        cure = "Run python manage.py collectstatic, and let the web server serve STATIC_URL."
        if settings.DEBUG:
            cure = "Let asgi.py serve the static files while you develop, as asgi_example.py does."
        yield problem("script", f"The script is not there: {url} answers {answer.status}.", cure)
    else:
        yield fine("script", f"The script is at {url}.")


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
    if '"type"' in answer.text and answer.status == 200:
        yield fine("urls", f"The HTTP fallback at {url} answers.")
    elif answer.status == 403:
        yield problem("origin", f"{url} refuses the origin {site.origin}.", "Add its host to ALLOWED_HOSTS.")
    else:
        text = f"The HTTP fallback at {url} answers {answer.status}."
        yield problem("urls", text, "Let the web server pass that path to Django.")


def page(site: Site, ref: ObjectRef, path: str) -> Iterator[Finding]:
    """Does the object's own page have its tracker?"""
    if not path:
        yield problem("page", f"{ref} has no page.", "Give its model a get_tracking_url() or get_absolute_url().")
        return
    try:
        url = urljoin(site.url, path)
        elsewhere = origin_of(url) != site.origin
    except ValueError as error:
        text = f"Expected a URL for the page of {ref} but got {path!r} ({error})."
        yield problem("page", text, "Correct its get_tracking_url() or get_absolute_url().")
        return
    if elsewhere:
        text = f"The page of {ref} at {url} is not of {site.origin}: not opened."
        yield problem("page", text, "Correct its get_tracking_url() or get_absolute_url(), or give --url.")
        return
    answer = ask(url, site)
    if isinstance(answer, str):
        return
    if answer.status != 200:
        cure = "Correct its get_tracking_url() or get_absolute_url()."
        yield problem("page", f"The page of {ref} at {url} answers {answer.status}.", cure)
    elif f'data-djinsight-ref="{escape(str(ref))}" data-djinsight-view=' not in answer.text:
        cure = "Put {% load djinsight_tags %}{% page_view_tracker %} in its template."
        yield problem("tracker", f"The page of {ref} at {url} has no tracker.", cure)
    else:
        yield fine("tracker", f"The page of {ref} has its tracker.")


def origin_of(url: str) -> str:
    """``https://example.org`` of ``https://example.org/page/``. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect to the same origin; another one is the answer itself."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if origin_of(newurl) != origin_of(req.full_url):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(url: str, site: Site, body: bytes | None = None) -> Answer | str:
    """The answer to one request as a page of this site sends it, or why there is none."""
    if urlsplit(url).scheme not in {"http", "https"}:
        return f"expected http or https but got {url!r}"
    headers = {"User-Agent": CRAWLER, "Origin": site.origin}
    try:
        with build_opener(_SameOrigin).open(Request(url, data=body, headers=headers), timeout=WITHIN) as answer:
            return Answer(answer.status, answer.read(MAX_PAGE).decode(errors="replace"))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read(MAX_PAGE).decode(errors="replace"))
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
