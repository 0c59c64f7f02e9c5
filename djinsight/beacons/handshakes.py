"""Handshakes: that of a WebSocket, as the request that Django would make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest


class Handshake(HttpRequest):
    """A WebSocket handshake (an ASGI scope): its ``META``, and with it host and scheme by all proxy settings."""

    method = None  # for its repr

    # HttpRequest's own makes room for forms and files, and takes longer than all this. Django's for ASGI does without.
    def __init__(self, scope: Mapping[str, Any]) -> None:
        # Daphne tells no scheme of a socket; ASGI's default is the one without TLS.
        self._own_scheme = "https" if scope.get("scheme", "ws") == "wss" else "http"
        self.META = _meta(scope.get("headers", ()))
        host, port = scope.get("server") or ("unknown", 0)
        client = scope.get("client")
        self.META["QUERY_STRING"] = scope.get("query_string", b"").decode("latin-1")
        self.META |= {"SERVER_NAME": host, "SERVER_PORT": str(port), "REMOTE_ADDR": client[0] if client else ""}

    def _get_scheme(self) -> str:
        return self._own_scheme


def _meta(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Header values by their names in META; repeated ones joined as HTTP says (RFC 9110, 5.3; cookies RFC 9113, 8.2.3).

    Names with an underscore are left out: they would pass for the ones with a hyphen.
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


# Browsers send the same dozen names with each handshake.
@lru_cache(maxsize=256)
def _name(header: bytes) -> str:
    # As bytes: of a text, upper() makes two letters S of an ß, and of a forged name one that a proxy sets.
    return "" if b"_" in header else "HTTP_" + header.upper().replace(b"-", b"_").decode("latin-1")
