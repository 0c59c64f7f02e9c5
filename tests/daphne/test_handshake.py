"""Handshake: read as autobahn reads it, for every request that is not left to autobahn."""

from __future__ import annotations

import os
from typing import Any

import pytest
from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from hypothesis import example, given, settings
from hypothesis import strategies as st

from djinsight.daphne import handshake
from djinsight.daphne.websocket import ShortTextProtocol
from tests.support.websocket_ends import Site, Transport

KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
BROWSER = {
    "Host": "example.org",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Origin": "https://example.org",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Cookie": "sessionid=abc; djinsight=def",
}
# Attributes that the handshake sets, for Daphne and for autobahn's own later steps.
SET = (
    "data",
    "http_headers",
    "http_request_data",
    "http_request_host",
    "http_request_params",
    "http_request_path",
    "http_request_uri",
    "http_status_line",
    "state",
    "websocket_extensions",
    "websocket_extensions_in_use",
    "websocket_origin",
    "websocket_protocols",
    "websocket_version",
)
fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")), deadline=None, derandomize=bool(os.environ.get("CI"))
)


class Recording(Site):
    """A server that keeps the scope of the application."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    def create_application(self, protocol: WebSocketProtocol, scope: dict[str, Any]) -> Any:
        self.scopes.append(scope)
        return super().create_application(protocol, scope)


def request(line: str, headers: dict[str, str]) -> bytes:
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


def outcome(kind: type[WebSocketProtocol], data: bytes, reply: dict[str, Any], **options: Any) -> Any:
    """Return what a protocol makes of a handshake: the scope, its attributes, and what the client gets."""
    server = Recording()
    factory = WebSocketFactory(server)
    factory.protocol = kind
    factory.setProtocolOptions(openHandshakeTimeout=0, **options)
    protocol, transport = factory.buildProtocol(None), Transport()
    protocol._raw_query_string = b""
    protocol.makeConnection(transport)
    try:
        protocol.dataReceived(data)
    except Exception as error:  # autobahn 22 fails while it logs some errors, and Daphne then drops the connection
        return type(error)
    if server.scopes:
        protocol.handle_reply(reply)
    found = {name: getattr(protocol, name, "not set") for name in SET if server.scopes}
    return server.scopes, found, transport.value(), transport.disconnecting


def agree(data: bytes, **options: Any) -> None:
    for reply in ({"type": "websocket.accept"}, {"type": "websocket.close"}):
        assert outcome(ShortTextProtocol, data, reply, **options) == outcome(WebSocketProtocol, data, reply, **options)


values = st.sampled_from(
    ["", " ", "a", ",", "upgrade", "Upgrade", "WebSocket", "websocket, h2c", "keep-alive", "13", "8", "013", "null",
     "https://example.org", "http://example.org:8000", "https://[::1]", "https://[", "file://", "example.org:8000",
     "[::1]:80", "example.org:port", "a@b", KEY, KEY[1:], "AAAAAAAAAAAAAAAAAAAAA!==", "chat, chat", "chat",
     "permessage-deflate;a=\"b\"", "ü", "\x00", "\x0b"]
) | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=12)  # fmt: skip
names = st.sampled_from(
    [
        *BROWSER,
        *(name.lower() for name in BROWSER),
        "Sec-WebSocket-Protocol",
        "X-Forwarded-For",
        "X_Y",
        "Daphne-Root-Path",
    ]
)
lines = st.sampled_from(
    ["GET / HTTP/1.1", "GET /ws/?a=1&b=2 HTTP/1.1", "GET /ws/;a?b HTTP/1.1", "GET //a/b HTTP/1.1", "GET /a#b HTTP/1.1",
     "GET /? HTTP/1.1", "GET http://example.org/a HTTP/1.1", "GET /a HTTP/1.0", "POST / HTTP/1.1", "GET /a  HTTP/1.1",
     "GET /%e4?%20=%zz HTTP/1.1", "GET * HTTP/1.1"]
)  # fmt: skip


@fuzzed
@given(lines, st.lists(st.tuples(names, values), max_size=4), st.lists(names, max_size=2), st.booleans())
@example("GET /ws/djinsight/ HTTP/1.1", [], [], False)
@example("GET / HTTP/1.1", [("Origin", "https://[")], [], False)
@example("GET / HTTP/1.1", [("host", "other.example")], [], False)
def test_every_handshake(line: str, changes: list[tuple[str, str]], without: list[str], more: bool) -> None:
    """The application, the client and autobahn's later steps see the same with both protocols."""
    headers = {name: value for name, value in BROWSER.items() if name not in without}
    agree(request(line, headers | dict(changes)) + (b"\x81\x80abcd" if more else b""))


@pytest.mark.parametrize("without", ["Origin", "Sec-WebSocket-Extensions", "Cookie"])
def test_of_browsers(without: str) -> None:
    """Handshakes of browsers are read here, or this path would be of no use."""
    headers = {name: value for name, value in BROWSER.items() if name != without}
    assert handshake.read(request("GET /ws/djinsight/?keep=0 HTTP/1.1", headers)) is not None


@pytest.mark.parametrize(
    "options",
    [{"allowedOrigins": ["https://other.example"]}, {"maxConnections": 1}, {"trustXForwardedFor": 1}],
    ids=lambda options: next(iter(options)),
)
def test_other_rules(options: dict[str, Any]) -> None:
    agree(request("GET / HTTP/1.1", BROWSER | {"X-Forwarded-For": "192.0.2.1"}), **options)


@pytest.mark.parametrize("cut", [10, 100, 300])
def test_in_two_reads(cut: int) -> None:
    data = request("GET /ws/djinsight/ HTTP/1.1", BROWSER)
    sent = []
    for kind in (WebSocketProtocol, ShortTextProtocol):
        server = Recording()
        factory = WebSocketFactory(server)
        factory.protocol = kind
        factory.setProtocolOptions(openHandshakeTimeout=0)
        protocol, transport = factory.buildProtocol(None), Transport()
        protocol._raw_query_string = b""
        protocol.makeConnection(transport)
        protocol.dataReceived(data[:cut])
        assert not server.scopes
        protocol.dataReceived(data[cut:])
        protocol.handle_reply({"type": "websocket.accept"})
        sent.append((server.scopes, transport.value()))
    assert sent[0] == sent[1]


class Failing(Recording):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def protocol_connected(self, protocol: WebSocketProtocol) -> None:
        raise self.error


@pytest.mark.parametrize("error", [ConnectionDeny(403, "no"), RuntimeError("a bug")], ids=["denied", "failed"])
def test_the_application_cannot_be_made(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    sent = []
    for kind in (WebSocketProtocol, ShortTextProtocol):
        factory = WebSocketFactory(Failing(error))
        factory.protocol = kind
        factory.setProtocolOptions(openHandshakeTimeout=0)
        protocol, transport = factory.buildProtocol(None), Transport()
        protocol._raw_query_string = b""
        protocol.makeConnection(transport)
        protocol.dataReceived(request("GET / HTTP/1.1", BROWSER))
        sent.append(transport.value())
    assert sent[0] == sent[1]
    assert sent[0].startswith(b"HTTP/1.1 ")
