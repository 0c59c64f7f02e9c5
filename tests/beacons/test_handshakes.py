"""Handshakes and heads of requests become the request that Django would make, and no header passes for another."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest

from djinsight.beacons.handshakes import Handshake, Head


def handshake(*headers: tuple[bytes, bytes], **scope: Any) -> Handshake:
    return Handshake({"type": "websocket", "headers": headers, **scope})


@pytest.mark.parametrize("kind", [Head, Handshake])
def test_the_same_as_of_a_request(kind: type[Head]) -> None:
    scope = {
        "headers": [
            (b"host", b"testserver:8000"),
            (b"cookie", b"a=b"),
            (b"user-agent", b"\xe9"),
            (b"DNT", b"1"),
            (b"content-length", b"5"),
            (b"content-type", b"text/plain"),
        ],
        "server": ("192.0.2.1", 8000),
        "client": ("198.51.100.9", 50_000),
    }
    ours = kind(scope)
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "path": "/"}, None)
    for name, value in ours.META.items():
        assert request.META[name] == value
    assert (ours.scheme, ours.get_host(), ours.get_port()) == ("http", request.get_host(), request.get_port())


@pytest.mark.parametrize(
    ("kind", "scheme", "secure"),
    [
        (Head, {"scheme": "https"}, True),
        (Head, {"scheme": "http"}, False),
        (Head, {"scheme": "wss"}, False),
        (Head, {}, False),
        (Handshake, {"scheme": "wss"}, True),
        (Handshake, {"scheme": "ws"}, False),
        (Handshake, {"scheme": "https"}, False),
        (Handshake, {}, False),
    ],
)
def test_tls(kind: type[Head], scheme: dict[str, str], secure: bool) -> None:
    assert kind({"headers": [], **scheme}).is_secure() is secure


def test_nothing_at_all() -> None:
    """A server on a Unix socket has neither client nor port, and headers may be missing."""
    for scope in ({}, {"client": None, "server": None, "headers": []}):
        expected = {"SERVER_NAME": "unknown", "SERVER_PORT": "0", "REMOTE_ADDR": "", "QUERY_STRING": ""}
        assert expected == Handshake(scope).META
    assert repr(Handshake({})) == "<Handshake>"


@pytest.mark.parametrize(
    ("name", "meta", "joined"),
    [(b"cookie", "HTTP_COOKIE", "a; b; c"), (b"x-forwarded-for", "HTTP_X_FORWARDED_FOR", "a, b, c")],
)
def test_repeated(name: bytes, meta: str, joined: str) -> None:
    assert handshake((name, b"a"), (name.title(), b"b"), (name.upper(), b"c")).META[meta] == joined


@pytest.mark.parametrize("name", [b"x_forwarded_ssl", b"x-forwarded_ssl", b"x-forwarded-\xdfl", b"x-forwarded-\xdfL"])
def test_a_name_that_passes_for_no_other(name: bytes, settings: Any) -> None:
    """A proxy replaces the header that it sets under one name, so no other name may become that."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_SSL", "on")
    assert handshake((b"X-Forwarded-SSL", b"on")).is_secure()
    assert not handshake((name, b"on")).is_secure()
