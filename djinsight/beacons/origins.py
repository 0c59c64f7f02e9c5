"""Origins: accept handshakes and requests only from pages of this site.

Browsers let a page of any site open a socket or post to this one, and send the page's origin along. The rule is that
of Django's CSRF protection, so the site's settings mean the same for both. An origin is accepted if it is

- the site's own: scheme, host and port of the request itself, with its host in ``ALLOWED_HOSTS``, or
- listed in ``CSRF_TRUSTED_ORIGINS``.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.http import is_same_domain

# One origin as browsers write it: lower case, IDN in its ASCII form, nothing after the port. "null" is none.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+", re.ASCII)


def permitted(request: HttpRequest) -> bool:
    """Return whether ``request`` comes from a page of this site or of a trusted one. Never raises.

    A request has no origin, or ``null``, if the page has the referrer policy ``no-referrer``. It is permitted only if
    the browser sends ``Sec-Fetch-Site: same-origin``, a header that no page can set.
    """
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False
    origin = request.META.get("HTTP_ORIGIN", "null")
    if origin == "null":
        return bool(request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin")
    return _ORIGIN.fullmatch(origin) is not None and (origin == own or _is_trusted(origin))


def _is_trusted(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # http://[::1
        return False
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        scheme, _, host = trusted.partition("://")
        # "https://*.example.com": for is_same_domain, a leading dot includes all subdomains.
        if parts.scheme == scheme and is_same_domain(parts.netloc, host.removeprefix("*")):
            return True
    return False
