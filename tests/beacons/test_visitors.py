"""Visitors: one identity over sockets and HTTP, and no identifier that reveals the person."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from djinsight.beacons import ids, visitors
from djinsight.beacons.addresses import truncated
from djinsight.beacons.ids import COOKIE_NAME
from djinsight.beacons.visitors import MAX_COOKIE_HEADER, Visitor
from tests.support.sockets import BROWSER

DAY = 20_000
SESSION = "sessionid=0123456789abcdefghijklmnopqrstuv"
SECRET = "0123456789abcdef-_GHIJ"
COOKIE = f"{COOKIE_NAME}={ids.sign(SECRET)}"
OTHER = f"{COOKIE_NAME}={ids.sign(SECRET[::-1])}"
FORGED = f"{COOKIE_NAME}={SECRET}.{SECRET}"


def scope(cookies: str = "", user_agent: str = BROWSER, address: str = "192.0.2.77") -> dict[str, Any]:
    headers = [(b"user-agent", user_agent.encode("latin-1")), (b"cookie", cookies.encode("latin-1"))]
    return {"type": "websocket", "client": (address, 50_000), "headers": [pair for pair in headers if pair[1]]}


def request(cookies: str = "", user_agent: str = BROWSER, address: str = "192.0.2.77") -> HttpRequest:
    meta = {"HTTP_COOKIE": cookies, "HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": address}
    return RequestFactory().get("/", **meta)


def asgi_request(**who: str) -> HttpRequest:
    return ASGIRequest({**scope(**who), "type": "http", "method": "GET", "path": "/"}, BytesIO())


def over_socket(day: int = DAY, **who: str) -> Visitor:
    return visitors.from_scope(scope(**who), day)


# Identity

WHO: dict[str, dict[str, str]] = {
    "a stranger": {},
    "a session": {"cookies": SESSION},
    "a session among others": {"cookies": f"a=b; {SESSION}; csrftoken=x"},
    "a session in quotes": {"cookies": 'sessionid="0123456789abcdef"'},
    "twice the same cookie": {"cookies": f"sessionid=first; {SESSION}"},
    "our cookie": {"cookies": COOKIE},
    "both": {"cookies": f"{COOKIE}; {SESSION}"},
    "cookies of garbage": {"cookies": ';;=; =x; \x01; sessionid; "'},
    "cookies of bytes": {"cookies": "sessionid=\xff\xfe\x80"},
    "no user agent": {"user_agent": ""},
    "a user agent of bytes": {"user_agent": "Mozilla/5.0 \xe9\xff"},
    "a long user agent": {"user_agent": BROWSER + " x" * 8000},
    "an IPv6 address": {"address": "2001:db8:1:2::3"},
    "an IPv4 address in IPv6": {"address": "::ffff:192.0.2.77"},
    "no address": {"address": ""},
    "a name as address": {"address": "testclient"},
}


@pytest.mark.parametrize("kind", ["session", "cookie", "anonymous"])
@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
@pytest.mark.parametrize("make", [request, asgi_request], ids=["WSGI", "ASGI"])
def test_the_same_over_socket_and_http(
    kind: str, who: dict[str, str], make: Callable[..., HttpRequest], settings: Any
) -> None:
    settings.DJINSIGHT_VISITOR = kind
    over_http, by_socket = visitors.from_request(make(**who), DAY), over_socket(**who)
    if over_http.issued and by_socket.issued:  # each was given a new id
        over_http, by_socket = over_http._replace(key="", issued=""), by_socket._replace(key="", issued="")
    assert over_http == by_socket


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("session", {"cookies": SESSION}, {"cookies": SESSION, "address": "198.51.100.1", "user_agent": "x"}, True),
        ("session", {"cookies": SESSION}, {"cookies": SESSION + "x"}, False),
        ("session", {"cookies": SESSION}, {"cookies": f"{COOKIE}; {SESSION}"}, True),
        ("session", {"cookies": COOKIE}, {"cookies": ""}, False),
        ("session", {"cookies": COOKIE}, {"cookies": COOKIE, "address": "198.51.100.1"}, True),
        ("session", {"cookies": FORGED}, {"cookies": ""}, True),
        ("session", {"cookies": ""}, {"cookies": ""}, True),
        ("cookie", {"cookies": COOKIE}, {"cookies": f"{SESSION}; {COOKIE}", "address": "198.51.100.1"}, True),
        ("cookie", {"cookies": COOKIE}, {"cookies": OTHER}, False),
        ("cookie", {"cookies": SESSION}, {"cookies": ""}, False),
        ("cookie", {"cookies": SESSION}, {"cookies": f"{SESSION}; {FORGED}", "address": "198.51.100.1"}, True),
        ("cookie", {"cookies": ""}, {"cookies": ""}, False),
        ("cookie", {"cookies": FORGED}, {"cookies": FORGED}, False),
        ("anonymous", {"cookies": SESSION}, {"cookies": COOKIE}, True),
        ("anonymous", {"address": "192.0.2.1"}, {"address": "192.0.2.254"}, True),
        ("anonymous", {"address": "192.0.2.1"}, {"address": "::ffff:192.0.2.1"}, True),
        ("anonymous", {"address": "192.0.2.1"}, {"address": "192.0.3.1"}, False),
        ("anonymous", {"address": "2001:db8:1:2::3"}, {"address": "2001:db8:1:ffff::1"}, True),
        ("anonymous", {"address": "2001:db8:1::"}, {"address": "2001:db8:2::"}, False),
        ("anonymous", {"user_agent": BROWSER}, {"user_agent": BROWSER + " Edg/130.0.0.0"}, False),
    ],
)
def test_who_is_who(kind: str, one: dict[str, str], other: dict[str, str], same: bool, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    assert (over_socket(**one).key == over_socket(**other).key) is same


@pytest.mark.parametrize(
    ("kind", "cookies", "same"),
    [
        ("session", SESSION, True),
        ("session", "", False),
        ("cookie", COOKIE, True),
        ("cookie", SESSION, True),
        ("cookie", "", False),
        ("anonymous", f"{SESSION}; {COOKIE}", False),
    ],
)
def test_the_same_tomorrow(kind: str, cookies: str, same: bool, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    today, tomorrow = [over_socket(day, cookies=cookies).key for day in (DAY, DAY + 1)]
    assert (today == tomorrow) is same


def test_a_session_id_is_not_a_cookie_id(settings: Any) -> None:
    """One string in two roles makes two visitors."""
    settings.DJINSIGHT_VISITOR = "session"
    keys = [over_socket(cookies=f"{name}={ids.sign(SECRET)}").key for name in ("sessionid", COOKIE_NAME)]
    assert keys[0] != keys[1]


# New ids


def test_a_stranger_gets_an_id_and_is_known_by_it() -> None:
    first = over_socket()
    assert over_socket(cookies=f"{COOKIE_NAME}={first.issued}", address="198.51.100.1").key == first.key
    assert over_socket(cookies=f"{COOKIE_NAME}={first.issued}").issued == ""


def test_signing_in_and_out_is_the_same_visitor() -> None:
    """It does not matter if there was a session when the id was given, nor which session comes later."""
    for before in ("", SESSION):
        first = over_socket(cookies=before)
        own = f"{COOKIE_NAME}={first.issued}"
        assert {over_socket(cookies=f"{own}; {after}").key for after in ("", SESSION, "sessionid=new")} == {first.key}


def test_two_pages_that_open_at_once_in_a_session_get_one_id() -> None:
    assert over_socket(cookies=SESSION).issued == over_socket(cookies=SESSION).issued != ""


@pytest.mark.parametrize(
    ("kind", "who", "respected"),
    [
        ("session", {}, False),
        ("session", {"cookies": SESSION}, False),
        ("session", {"cookies": COOKIE}, False),
        ("anonymous", {}, False),
        ("anonymous", {"cookies": SESSION}, False),
        ("cookie", {"cookies": COOKIE}, False),
        ("cookie", {"user_agent": "curl/8.10.1"}, False),
        ("cookie", {"user_agent": ""}, False),
        ("cookie", {"cookies": SESSION.ljust(MAX_COOKIE_HEADER + 1, "x")}, False),
        ("cookie", {"dnt": "1"}, True),
    ],
)
def test_no_id_is_given(kind: str, who: dict[str, str], respected: bool, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR, settings.DJINSIGHT_RESPECT_DNT = kind, respected
    headers = {"HTTP_DNT": who["dnt"]} if "dnt" in who else {}
    asked = request(**{name: value for name, value in who.items() if name != "dnt"})
    asked.META |= headers
    assert visitors.from_request(asked, DAY).issued == ""


@pytest.mark.parametrize("cookies", ["", SESSION, COOKIE, f"{SESSION}; {COOKIE}", FORGED])
def test_a_browser_that_keeps_no_id(cookies: str, settings: Any) -> None:
    """It is identified by what it sends, else as an anonymous visitor, not as a new one with each page."""
    asked = request(cookies)
    asked.META["QUERY_STRING"] = "keep=0"
    over_http = visitors.from_request(asked, DAY)
    assert visitors.from_scope({**scope(cookies), "query_string": b"keep=0"}, DAY) == over_http
    assert over_http.issued == ""
    settings.DJINSIGHT_VISITOR = "cookie" if cookies in (SESSION, COOKIE, f"{SESSION}; {COOKIE}") else "anonymous"
    assert over_http.key == over_socket(cookies=cookies).key


# Consent


@pytest.mark.parametrize("kind", ["session", "cookie"])
@pytest.mark.parametrize(
    ("setting", "cookie", "given"),
    [
        ("consent", "consent=yes", True),
        ("consent", 'consent="all of it"', True),
        ("consent", "consent=", False),
        ("consent", "other=yes", False),
        ("consent", "xconsent=yes", False),
        ("consent=yes", "consent=yes", True),
        ("consent=yes", "consent=no", False),
        ("consent=yes", "consent=yesterday", False),
        ("consent=a=b", "consent=a=b", True),
        ("", "", True),
    ],
)
def test_consent(setting: str, cookie: str, given: bool, kind: str, settings: Any) -> None:
    """Without consent, nothing on the device is read or stored."""
    settings.DJINSIGHT_VISITOR, settings.DJINSIGHT_CONSENT_COOKIE = "anonymous", setting
    stranger = over_socket()
    settings.DJINSIGHT_VISITOR = kind
    for own in (SESSION, COOKIE, ""):
        visitor = over_socket(cookies=f"{cookie}; {own}")
        if not given:
            assert visitor == stranger
        elif own:
            assert visitor.key != stranger.key
        assert bool(visitor.issued) is (given and kind == "cookie" and own != COOKIE)


# Rotated keys


@pytest.mark.parametrize("kind", ["session", "cookie", "anonymous"])
@pytest.mark.parametrize("cookies", ["", SESSION, COOKIE, f"{SESSION}; {COOKIE}"])
def test_a_rotated_key_makes_nobody_a_second_visitor(kind: str, cookies: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    old = settings.SECRET_KEY
    before = over_socket(cookies=cookies)
    if before.issued:
        cookies += f"; {COOKIE_NAME}={before.issued}"
    for new in (["new", old], ["newer", "new", old], [old]):
        settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS = new
        assert over_socket(cookies=cookies).key == before.key


def test_an_id_outlives_the_key_that_it_was_signed_with(settings: Any) -> None:
    """While both keys are listed, an id that comes is signed with the new one, too."""
    old = settings.SECRET_KEY
    before = over_socket(cookies=COOKIE)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [old]
    meanwhile = over_socket(cookies=COOKIE)
    own = f"{COOKIE_NAME}={meanwhile.issued}"
    assert over_socket(cookies=own).issued == ""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, []  # a process that was not restarted yet
    assert (over_socket(cookies=own).key, over_socket(cookies=own).issued) == (before.key, "")
    settings.SECRET_KEY = "new"
    after = over_socket(cookies=own)
    assert (after.key, after.issued) == (before.key, "")


def test_the_name_of_the_session_cookie(settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = "session"
    stranger = over_socket().key
    settings.SESSION_COOKIE_NAME = "sid"
    assert over_socket(cookies=SESSION).key == stranger
    assert over_socket(cookies="sid=0123456789abcdef").key != stranger


@pytest.mark.parametrize("kind", ["session", "cookie", "anonymous"])
def test_another_site_has_other_keys(kind: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    for cookies in (SESSION, COOKIE, f"{SESSION}; {COOKIE}"):
        here = over_socket(cookies=cookies).key
        with override_settings(SECRET_KEY="another site"):
            assert over_socket(cookies=cookies).key != here


# Kept data


@pytest.mark.parametrize("kind", ["session", "cookie", "anonymous"])
def test_nothing_that_says_who(kind: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    visitor = over_socket(cookies=f"{SESSION}; {COOKIE}")
    kept = repr(visitor)
    assert "0123456789abcdef" not in kept.replace(visitor.issued or "nothing", "")
    assert "192.0.2.77" not in kept
    assert len(visitor.key) == 22
    assert visitor.key.isalnum()


@pytest.mark.parametrize(
    "value",
    ["", "x" * 15, "x" * 37, "0123456789abcde!", "0123456789abcde%0a", "é" * 16, "../../../../../etc"],
)
def test_a_cookie_that_we_did_not_set(value: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = "session"
    assert over_socket(cookies=f"{COOKIE_NAME}={value}").key == over_socket().key


@pytest.mark.parametrize("kind", ["session", "cookie"])
def test_an_oversized_cookie_header(kind: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = kind
    cookies = f"{SESSION}; {COOKIE}; x="
    longest = cookies.ljust(MAX_COOKIE_HEADER, "x")
    assert over_socket(cookies=longest).key == over_socket(cookies=cookies).key
    too_long = over_socket(cookies=longest + "x").key
    settings.DJINSIGHT_VISITOR = "anonymous"
    assert too_long == over_socket().key


@pytest.mark.parametrize(
    ("user_agent", "kept"),
    [
        (BROWSER, BROWSER),
        ("Mozilla/5.0 (\xe9)", "Mozilla/5.0 (\xe9)"),
        ("a\x00b\x1b[2J\r\nc\x7f", "ab[2Jc"),
        ("x" * 16_000, "x" * 512),
    ],
)
def test_the_user_agent(user_agent: str, kept: str) -> None:
    assert over_socket(user_agent=user_agent).user_agent == kept


@pytest.mark.parametrize(
    ("user_agent", "crawler"), [(BROWSER, False), ("", True), ("\x00\x01", True), ("curl/8.10.1", True)]
)
def test_crawler(user_agent: str, crawler: bool) -> None:
    assert over_socket(user_agent=user_agent).crawler is crawler


# Addresses


@pytest.mark.parametrize(
    ("address", "network", "whole"),
    [
        ("192.0.2.77", "192.0.2.0", "192.0.2.77"),
        ("255.255.255.255", "255.255.255.0", "255.255.255.255"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::", "2001:db8:1:2:3:4:5:6"),
        ("2001:0DB8:0001:0000::1", "2001:db8:1::", "2001:db8:1::1"),
        ("::1", "::", "::1"),
        ("::ffff:192.0.2.77", "192.0.2.0", "192.0.2.77"),
        ("::ffff:c000:24d", "192.0.2.0", "192.0.2.77"),
        ("fe80::1%eth0", "fe80::", "fe80::1"),
        ("fe80::1%<script>", "fe80::", "fe80::1"),
        ("", "", ""),
        ("localhost", "", ""),
        ("192.0.2", "", ""),
        ("192.0.2.256", "", ""),
        ("192.0.2.77:80", "", ""),
        ("192.0.2.0/24", "", ""),
        ("[::1]", "", ""),
        ("/run/daphne.sock", "", ""),
        ("192.0.2.77, 198.51.100.1", "", ""),
        (" 192.0.2.77", "", ""),
        ("\x00", "", ""),
    ],
)
def test_address(address: str, network: str, whole: str, settings: Any) -> None:
    assert truncated(address) == network
    assert over_socket(address=address).ip_address == network
    settings.DJINSIGHT_ANONYMIZE_IP = False
    assert over_socket(address=address).ip_address == whole


def test_whole_addresses_tell_no_strangers_apart(settings: Any) -> None:
    """``DJINSIGHT_ANONYMIZE_IP`` decides which address is kept; anonymous visitors stay a network and a browser."""
    settings.DJINSIGHT_VISITOR = "anonymous"
    before = over_socket(address="192.0.2.1").key
    settings.DJINSIGHT_ANONYMIZE_IP = False
    assert over_socket(address="192.0.2.2").key == before


# Handshakes


def test_a_handshake_of_nothing() -> None:
    """A server on a Unix socket has no client, and headers may be missing."""
    visitor = visitors.from_scope({"type": "websocket"}, DAY)
    assert (visitor.ip_address, visitor.user_agent, visitor.crawler) == ("", "", True)
    assert visitors.from_scope({"type": "websocket", "client": None, "headers": []}, DAY) == visitor


def test_cookies_in_several_headers() -> None:
    """HTTP/2 splits the header, and a server may pass it on in parts."""
    split = scope()
    split["headers"] += [(b"Cookie", b"a=b"), (b"cookie", SESSION.encode())]
    assert visitors.from_scope(split, DAY).key == over_socket(cookies=f"a=b; {SESSION}").key
