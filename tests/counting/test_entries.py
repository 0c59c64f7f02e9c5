"""Entries: what the recorder writes is what persist reads."""

from __future__ import annotations

import json
import zlib

import pytest

from djinsight.beacons.beacon import MAX_USER_AGENT, Beacon
from djinsight.beacons.visitors import Visitor
from djinsight.counting import entries
from djinsight.counting.entries import Detail
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import BROWSER

REF = ObjectRef("blog", "article", "5")
VIEW = b'["view-0123456789a","/a",""]'
VISITOR = entries.encode_visitor(Visitor("k", "192.0.2.0", BROWSER, crawler=False))


def deflated(text: str) -> bytes:
    deflate = zlib.compressobj(wbits=-12)
    return deflate.compress(text.encode()) + deflate.flush()


@pytest.mark.parametrize(
    "detail",
    [
        Detail("view-0123456789a", "0123456789abcdef012345", "/a", "https://b/", BROWSER, "192.0.2.0"),
        Detail("view-0123456789a", "0123456789abcdef012345", "", "", "", None),
        Detail("x" * 36, "f" * 22, "/\"\\',[]{}", "</script>", "é 語 🙂", "2001:db8::"),
        Detail("x" * 36, "f" * 22, "/" * 2048, "🙂" * 2048, "🙂" * MAX_USER_AGENT, "2001:db8:1234:5678:9abc:def0:1:2"),
    ],
    ids=["usual", "little", "any text", "much"],
)
def test_round_trip(detail: Detail) -> None:
    payload = entries.encode(Beacon(detail.view_id, REF, detail.url, detail.referrer))
    visitor = entries.encode_visitor(Visitor(detail.visitor, detail.ip_address or "", detail.user_agent, crawler=False))
    assert entries.decode(visitor, payload.encode()) == detail


def test_short() -> None:
    """The stream is in memory: no spaces, no names, letters as they are."""
    assert entries.encode(Beacon("view-0123456789a", REF, "/é")) == '["view-0123456789a","/é",""]'


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
        "Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.48 Mobile "
        "Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    ],
)
def test_a_usual_visitor_is_short(user_agent: str) -> None:
    """A hash of 22 characters and an address take 31 bytes; of a browser's own text little more is left."""
    visitor = Visitor("3f9c1a77d2e84b06c5a1f0", "203.0.113.0", user_agent, crawler=False)
    assert len(entries.encode_visitor(visitor)) <= 70


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nothing",
        b"\xff",
        b"null",
        b"{}",
        b"[]",
        json.dumps(["x"] * 2).encode(),
        json.dumps(["x"] * 4).encode(),
        json.dumps(["x", "x", None]).encode(),
        json.dumps([1, "x", "x"]).encode(),
        json.dumps([["x"], "x", "x"]).encode(),
        json.dumps(dict.fromkeys("abc", "x")).encode(),
        json.dumps("abc").encode(),
        VIEW + b"]",
        VIEW + b" ",
    ],
)
def test_another_payload(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        entries.decode(VISITOR, payload)


@pytest.mark.parametrize(
    "visitor",
    [
        b"",
        b"nothing",
        b'["k","192.0.2.0",""]',
        VISITOR[:-1],
        VISITOR + b"x",
        deflated("[]"),
        deflated('["k","192.0.2.0",7]'),
        deflated(json.dumps(["k", "", "x" * 1_000_000])),
    ],
    ids=["empty", "garbage", "not compressed", "cut", "more", "no texts", "a number", "too large"],
)
def test_another_visitor(visitor: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        entries.decode(visitor, VIEW)
