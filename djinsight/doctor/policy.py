"""Content-Security-Policy: check if the policies of a page let its script load and connect.

Follows https://www.w3.org/TR/CSP3/ for the directives of scripts and connections. Hashes are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[^:/*']+)(?::(?P<port>\d+|\*))?(?:/.*)?"
)
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# The scheme of a source, and the schemes of the URLs that it permits.
_SCHEMES = {"http": {"http", "https"}, "ws": {"ws", "wss", "http", "https"}, "wss": {"wss", "https"}}
# The scheme of a page, and the schemes of the URLs that 'self' permits.
_ORIGINS = {"http": {"http", "https", "ws", "wss"}, "https": {"https", "wss"}}


def forbids_connection(policies: Iterable[str], url: str, origin: str) -> bool:
    """Return whether a page of ``origin`` may not connect to ``url``."""
    return any(not _allows(policy, ("connect-src", "default-src"), url, origin, "") for policy in policies)


def forbids_script(policies: Iterable[str], url: str, origin: str, nonce: str) -> bool:
    """Return whether a page of ``origin`` may not load the script at ``url``, whose element has ``nonce``."""
    names = ("script-src-elem", "script-src", "default-src")
    return any(not _allows(policy, names, url, origin, nonce) for policy in policies)


def _allows(policy: str, names: tuple[str, ...], url: str, origin: str, nonce: str) -> bool:
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *listed = part.split() or [""]
        directives.setdefault(name.lower(), listed)  # the first directive of a name applies
    sources = next((directives[name] for name in names if name in directives), None)
    if sources is None:
        return True
    if nonce and f"'nonce-{nonce}'" in sources:
        return True
    if "'strict-dynamic'" in sources:
        return False  # it permits only scripts with the nonce
    return any(_matches(source.lower(), url, origin) for source in sources)


def _matches(source: str, url: str, origin: str) -> bool:
    to, page = urlsplit(url), urlsplit(origin)
    port = to.port or _PORTS.get(to.scheme)
    if source == "'self'":
        same = to.hostname == page.hostname and to.scheme in _ORIGINS.get(page.scheme, {page.scheme})
        return same and (port == (page.port or _PORTS.get(page.scheme)) or (to.port is None and page.port is None))
    if source == "*":
        return to.scheme in _PORTS
    if source.endswith(":"):
        return to.scheme in _SCHEMES.get(source[:-1], {source[:-1]})
    found = _SOURCE.fullmatch(source)
    if found is None:
        return False
    scheme = found["scheme"]
    schemes = _SCHEMES.get(scheme, {scheme}) if scheme else _ORIGINS.get(page.scheme, {page.scheme})
    host, name = found["host"], to.hostname or ""
    named = host == "*" or (name.endswith(host[1:]) if host.startswith("*.") else name == host)
    ported = found["port"] == "*" or (int(found["port"]) == port if found["port"] else port == _PORTS.get(to.scheme))
    return to.scheme in schemes and named and ported
