"""Handshakes: read the handshake of a WebSocket, or the head of an HTTP request, as a Django request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest

_KEPT = "djinsight.handshake"  # its key in the scope


class Head(HttpRequest):
    """The head of an HTTP request (an ASGI scope).

    It has ``META``, so its host and scheme follow the site's proxy settings. It has no body and no method.
    """

    tls = "https"  # the scheme of a connection with TLS
    method = None  # for its repr

    # HttpRequest.__init__ prepares forms and files, and takes longer than all of this. ASGIRequest skips it, too.
    def __init__(self, scope: Mapping[str, Any]) -> None:
        # A server may leave the scheme out. ASGI's defaults are those without TLS.
        self._own_scheme = "https" if scope.get("scheme") == self.tls else "http"
        self.META = _meta(scope.get("headers", ()))
        host, port = scope.get("server") or ("unknown", 0)
        client = scope.get("client")
        self.META["QUERY_STRING"] = scope.get("query_string", b"").decode("latin-1")
        self.META |= {"SERVER_NAME": host, "SERVER_PORT": str(port), "REMOTE_ADDR": client[0] if client else ""}

    def _get_scheme(self) -> str:
        return self._own_scheme


class Handshake(Head):
    """The request of a WebSocket handshake (an ASGI scope)."""

    tls = "wss"  # Daphne sets no scheme for a WebSocket

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> Handshake:
        """Return the handshake of ``scope``, which is read once: the first call keeps it in the scope."""
        handshake: Handshake | None = scope.get(_KEPT)
        if handshake is None:
            handshake = scope[_KEPT] = cls(scope)
        return handshake


def _meta(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Return header values by their names in META.

    Repeated headers are joined as in RFC 9110, section 5.3 (cookies: RFC 9113, section 8.2.3). Names with an
    underscore are left out, as META would not tell them from names with a hyphen.
    """
    meta: dict[str, Any] = {}
    for raw_name, raw_value in headers:
        name, value = _name(raw_name), raw_value.decode("latin-1")
        if not name:
            continue
        if name in meta:
            value = f"{meta[name]}{'; ' if name == 'HTTP_COOKIE' else ', '}{value}"
        meta[name] = value
    return meta


# Browsers send the same dozen headers with each handshake and request.
@lru_cache(maxsize=256)
def _name(header: bytes) -> str:
    if b"_" in header:
        return ""
    # bytes.upper(), as str.upper() turns ß into SS, so that a client could forge a header that a proxy sets.
    name = header.upper().replace(b"-", b"_").decode("latin-1")
    return name if name in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{name}"
