"""Origins: pages of this site are permitted, all others are not, and no origin raises an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.core import checks
from django.test import AsyncClient, RequestFactory

from djinsight.beacons.handshakes import Handshake
from djinsight.beacons.origins import permitted
from tests.asgi import application
from tests.support.asgi_client import FallbackClient
from tests.support.sockets import BROWSER, WITHIN, view_id

FOREIGN: dict[str, dict[str, str]] = {
    "missing": {},
    "null": {"origin": "null"},
    "null of another site": {"origin": "null", "sec-fetch-site": "cross-site"},
    "null of a neighbour": {"origin": "null", "sec-fetch-site": "same-site"},
    "missing of another site": {"sec-fetch-site": "cross-site"},
    "empty": {"origin": ""},
    "other host": {"origin": "http://evil.example"},
    "other host that is allowed, too": {"origin": "http://localhost"},
    "other port": {"origin": "http://testserver:81"},
    "the default port, written": {"origin": "http://testserver:80"},
    "other scheme": {"origin": "https://testserver"},
    "a scheme of no page": {"origin": "file://testserver"},
    "no scheme": {"origin": "testserver"},
    "several": {"origin": "http://testserver, http://evil.example"},
    "the same twice": {"origin": "http://testserver, http://testserver"},
    "several in one": {"origin": "http://testserver http://evil.example"},
    "an open bracket": {"origin": "http://[::1"},
    "a closed bracket": {"origin": "http://::1]"},
    "no number for a port": {"origin": "http://testserver:x"},
    "a large port": {"origin": "http://testserver:99999999999999999999"},
    "nothing but a scheme": {"origin": "http://"},
    "a path": {"origin": "http://testserver/"},
    "a user": {"origin": "http://user@testserver"},
    "looks alike": {"origin": "http://testserver.evil.example"},
    "ends alike": {"origin": "http://eviltestserver"},
    "IDN": {"origin": "http://tästserver"},
    "IDN in ASCII": {"origin": "http://xn--tstserver-z2a"},
    "upper case": {"origin": "HTTP://TESTSERVER"},
    "upper-case host": {"origin": "http://TestServer"},
    "trailing dot": {"origin": "http://testserver."},
    "wildcard": {"origin": "http://*"},
    "16 kB": {"origin": "http://testserver" + "a" * 16_384},
    "control characters": {"origin": "http://testserver\x00\x1b"},
    "host that is not allowed": {"origin": "http://evil.example", "host": "evil.example"},
    "host that is no host": {"origin": "http://[::1", "host": "[::1"},
}
OWN: dict[str, dict[str, str]] = {
    "own": {"origin": "http://testserver"},
    "own port": {"origin": "http://testserver:8000", "host": "testserver:8000"},
    "IPv4": {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"},
    "missing, but the browser vouches": {"sec-fetch-site": "same-origin"},
    "null, but the browser vouches": {"origin": "null", "sec-fetch-site": "same-origin"},
}


def handshake(headers: dict[str, str], **scope: Any) -> Handshake:
    sent = {"host": "testserver", **headers}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    return Handshake({"type": "websocket", "headers": pairs, "server": ["127.0.0.1", 8000], **scope})


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_foreign(headers: dict[str, str]) -> None:
    assert permitted(handshake(headers)) is False
    meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    assert permitted(RequestFactory().post("/", **meta)) is False  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
def test_own(headers: dict[str, str]) -> None:
    assert permitted(handshake(headers)) is True
    meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    assert permitted(RequestFactory().post("/", **meta)) is True  # type: ignore[arg-type]


@pytest.mark.parametrize("hosts", [["*"], ["testserver", "*"]], ids=["all", "some and all"])
def test_all_hosts_are_not_all_origins(hosts: list[str], settings: Any) -> None:
    settings.ALLOWED_HOSTS = hosts
    assert permitted(handshake({"origin": "http://testserver"}))
    assert not permitted(handshake({"origin": "http://evil.example"}))
    assert [message.id for message in checks.run_checks(tags=["djinsight"])] == ["djinsight.W003"]
    settings.DEBUG = True
    assert checks.run_checks(tags=["djinsight"]) == []


def test_several_headers() -> None:
    pairs = [(b"host", b"testserver"), (b"origin", b"http://testserver"), (b"origin", b"http://testserver")]
    assert not permitted(Handshake({"headers": pairs}))


def test_an_underscore_is_no_hyphen(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert not permitted(handshake({"origin": "https://testserver", "x_forwarded_proto": "https"}))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://testserver", True),
        ("http://testserver", False),
        ("https://testserver:443", False),
        ("https://evil.example", False),
    ],
)
def test_with_tls(origin: str, expected: bool, settings: Any) -> None:
    """TLS ends at the server, or at a proxy that the settings name."""
    assert permitted(handshake({"origin": origin}, scheme="wss")) is expected
    assert permitted(handshake({"origin": origin, "x-forwarded-proto": "https"})) is (origin == "http://testserver")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert permitted(handshake({"origin": origin, "x-forwarded-proto": "https"})) is expected


def test_a_proxy_that_names_the_host(settings: Any) -> None:
    headers = {"origin": "http://localhost", "x-forwarded-host": "localhost"}
    assert not permitted(handshake(headers))
    settings.USE_X_FORWARDED_HOST = True
    assert permitted(handshake(headers))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://shop.example", True),
        ("http://shop.example", False),
        ("https://a.shop.example", False),
        ("https://www.news.example", True),
        ("https://a.b.news.example", True),
        ("https://news.example", True),
        ("http://www.news.example", False),
        ("https://evilnews.example", False),
        ("https://*.news.example", False),
        ("https://evil.example, https://www.news.example", False),
        ("https://user@www.news.example", False),
        ("https://evil.example/.news.example", False),
        ("https://[www.news.example", False),
        ("https://www.news.example.", False),
        ("null", False),
        ("http://testserver", True),
    ],
)
def test_trusted_origins(origin: str, expected: bool, settings: Any) -> None:
    """They are those of Django's CSRF protection, wildcards included."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example", "https://*.news.example"]
    assert permitted(handshake({"origin": origin})) is expected


# Servers


async def opens(headers: dict[str, str]) -> bool:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in {"host": "testserver", **headers}.items()]
    communicator = WebsocketCommunicator(application, "/ws/djinsight/", headers=pairs)
    connected, _ = await communicator.connect()
    await communicator.disconnect()
    return bool(connected)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["record-view", "page-stats"])
@pytest.mark.parametrize("client", [AsyncClient, FallbackClient], ids=["Django", "before Django"])
async def test_nothing_comes_of_a_foreign_request(
    client: Any, path: str, headers: dict[str, str], view_token: str, watch_token: str, redis_client: redis.Redis
) -> None:
    frame = {"type": "view", "id": view_id(), "token": view_token, "tokens": [watch_token]}
    answer = await client().post(
        f"/djinsight/{path}/",
        json.dumps(frame),
        content_type="application/json",
        headers={"user-agent": BROWSER, **headers},
    )
    assert (answer.status_code, json.loads(answer.content)) == (403, {"type": "error", "reason": "origin"})
    assert await sync_to_async(redis_client.keys)("djinsight:*counter:*") == []


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_no_socket_opens_for_a_foreign_handshake(headers: dict[str, str]) -> None:
    assert not await opens(headers)


async def status(host: str, headers: dict[str, str]) -> bytes:
    """Return the server's answer to a handshake written by hand, nothing if it hangs up."""
    address, _, port = host.rpartition(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": host, **headers}.items())
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.write(
        f"GET /ws/djinsight/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: {BROWSER}\r\n{lines}\r\n".encode("latin-1")
    )
    answer = await asyncio.wait_for(reader.readline(), WITHIN)
    writer.close()
    await writer.wait_closed()
    return answer[9:12]


async def test_over_the_network(daphne: Callable[..., str]) -> None:
    """A refusal is a 403; if a header is not HTTP it is a 400, or no answer."""
    host = daphne()
    for name, headers in FOREIGN.items():
        sent = {key: value.replace("testserver", host) for key, value in headers.items()}
        assert await status(host, sent) in {b"400", b"403", b""}, name
    twice = {"origin": f"http://{host}", "Origin": f"http://{host}"}
    assert await status(host, twice) in {b"400", b"403"}
    assert await status(host, {"origin": f"http://{host}"}) == b"101"
