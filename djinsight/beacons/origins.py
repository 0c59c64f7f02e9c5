"""Origins: whether a handshake or a request comes from a page of this site.

Browsers let a page of any site open a socket or post here, and send along where it is from. The rule is the one of
Django's CSRF protection, so that a site's settings mean the same for both: the origin is this site's own (scheme, host
and port of the request itself, its host one of ``ALLOWED_HOSTS``), or one of ``CSRF_TRUSTED_ORIGINS``.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.http import is_same_domain

# As browsers write one: lower case, IDN in its ASCII form, nothing after the port. Neither "null" nor a list.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+", re.ASCII)


def permitted(request: HttpRequest) -> bool:
    """Whether ``request`` comes from a page of this site, or of one that it trusts. Never raises for what it holds.

    One without an origin (or with ``null``: a page whose referrer policy is ``no-referrer``) is permitted only
    where the browser says ``Sec-Fetch-Site: same-origin``, which no page can set.
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
        # is_same_domain takes a leading dot as "and all below it"
        if parts.scheme == scheme and is_same_domain(parts.netloc, host.removeprefix("*")):
            return True
    return False
