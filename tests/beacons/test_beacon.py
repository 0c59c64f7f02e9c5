"""Beacons: the message that each frame becomes, or the reason for which it is refused."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from djinsight.beacons import beacon, tokens
from djinsight.beacons.beacon import MAX_FRAME, MAX_TOKENS, MAX_URL, Beacon, Pong, Subscribe, Unsubscribe
from djinsight.beacons.unprintable import UNPRINTABLE
from djinsight.exceptions import Reason, Rejected
from djinsight.tracked.refs import ObjectRef

ID = "view-0123456789a"
REF, OTHER = ObjectRef("blog", "article", "5"), ObjectRef("blog", "term", "a:b é")
VIEW, WATCH, WATCH_OTHER = tokens.mint("view", REF), tokens.mint("watch", REF), tokens.mint("watch", OTHER)
EXPIRED = tokens.mint("watch", REF, -1)
# A string that must not appear in any error.
MARK = "c1ient-text"


def view(**fields: Any) -> str:
    return json.dumps({"type": "view", "id": ID, "token": VIEW, **fields})


def subscribe(*listed: Any) -> str:
    return json.dumps({"type": "subscribe", "tokens": listed})


def unsubscribe(*listed: Any) -> str:
    return json.dumps({"type": "unsubscribe", "refs": listed})


def sized(size: int, character: str = "x") -> str:
    """Return a valid frame of ``size`` bytes, most of them in a field that the parser ignores."""
    frame = view(padding="")
    room = size - len(frame)
    width = len(character.encode())
    return frame.replace('"padding": ""', f'"padding": "{character * (room // width)}{"x" * (room % width)}"')


GOOD: dict[str, tuple[str, beacon.Message]] = {
    "a view": (view(url="/a", referrer="https://b/"), Beacon(ID, REF, "/a", "https://b/")),
    "a view without url": (view(), Beacon(ID, REF)),
    "a view of any text": (view(url="/é?q=語&x=🙂"), Beacon(ID, REF, "/é?q=語&x=🙂")),
    "a view with unknown fields": (view(more={"a": [1, None]}, visitor="me"), Beacon(ID, REF)),
    "a short id": (view(id="x" * 16), Beacon("x" * 16, REF)),
    "a long id": (view(id="-_aZ09" * 6), Beacon("-_aZ09" * 6, REF)),
    "the longest url": (view(url="/" * MAX_URL), Beacon(ID, REF, "/" * MAX_URL)),
    "spaces around": (f" \n{view()}\t", Beacon(ID, REF)),
    "duplicate keys: the last": ('{"type": "view", "n": 1, "type": "pong", "n": 2}', Pong(2)),
    "subscribe to nothing": (subscribe(), Subscribe([], [])),
    "subscribe": (subscribe(WATCH), Subscribe([REF], [])),
    "subscribe to several": (subscribe(WATCH, WATCH_OTHER), Subscribe([REF, OTHER], [])),
    "subscribe twice": (subscribe(WATCH_OTHER, WATCH, WATCH_OTHER), Subscribe([OTHER, REF], [])),
    "the good and the bad": (
        subscribe("x", WATCH, VIEW, EXPIRED, ""),
        Subscribe([REF], [Reason.TOKEN, Reason.SCOPE, Reason.EXPIRED, Reason.TOKEN]),
    ),
    "as many tokens as may be": (subscribe(*["x"] * MAX_TOKENS), Subscribe([], [Reason.TOKEN] * MAX_TOKENS)),
    "unsubscribe": (unsubscribe(str(REF), str(OTHER)), Unsubscribe([REF, OTHER])),
    "unsubscribe from nothing": (unsubscribe(), Unsubscribe([])),
    "pong": ('{"type": "pong", "n": 3}', Pong(3)),
    "pong of a negative number": ('{"type":"pong","n":-1}', Pong(-1)),
    "4096 bytes": (sized(MAX_FRAME), Beacon(ID, REF)),
    "4096 bytes of two-byte characters": (sized(MAX_FRAME, "é"), Beacon(ID, REF)),
    "4096 bytes of four-byte characters": (sized(MAX_FRAME, "🙂"), Beacon(ID, REF)),
}


@pytest.mark.parametrize(("frame", "message"), GOOD.values(), ids=GOOD)
def test_message(frame: str, message: beacon.Message) -> None:
    assert beacon.parse(frame) == message


BAD: dict[str, tuple[str, Reason]] = {
    # the frame
    "empty": ("", Reason.MALFORMED),
    "spaces": ("  \n", Reason.MALFORMED),
    "not JSON": (f"{{{MARK}", Reason.MALFORMED),
    "single quotes": (f"{{'type': '{MARK}'}}", Reason.MALFORMED),
    "two objects": ("{}{}", Reason.MALFORMED),
    "a trailing comma": ('{"type": "pong", "n": 3,}', Reason.MALFORMED),
    "a byte order mark": ("\ufeff" + view(), Reason.MALFORMED),
    "a no-break space": ("\u00a0" + view(), Reason.MALFORMED),
    "a raw NUL": (view(url="/") + "\0", Reason.MALFORMED),
    "a raw line in a text": ('{"type": "po\nng", "n": 3}', Reason.MALFORMED),
    "null": ("null", Reason.MALFORMED),
    "true": ("true", Reason.MALFORMED),
    "a number": ("5", Reason.MALFORMED),
    "a text": (f'"{MARK}"', Reason.MALFORMED),
    "a list": (f"[{view()}]", Reason.MALFORMED),
    "NaN": ('{"type": "pong", "n": NaN}', Reason.MALFORMED),
    "Infinity": ('{"type": "pong", "n": Infinity}', Reason.MALFORMED),
    "-Infinity": ('{"a": [-Infinity], "type": "pong", "n": 1}', Reason.MALFORMED),
    "a number of 4000 digits": (f'{{"type": "pong", "n": 1.{"0" * 3900}}}', Reason.MALFORMED),
    "a deep list": ("[" * 2000 + "]" * 2000, Reason.MALFORMED),
    "deep objects": ('{"a":' * 600 + "1" + "}" * 600, Reason.UNKNOWN_TYPE),
    "one byte too many": (sized(MAX_FRAME + 1), Reason.TOO_LARGE),
    "one byte too many, of two": (sized(MAX_FRAME + 1, "é"), Reason.TOO_LARGE),
    "one byte too many, of four": (sized(MAX_FRAME + 1, "🙂"), Reason.TOO_LARGE),
    "few characters, many bytes": ("🙂" * (MAX_FRAME // 4 + 1), Reason.TOO_LARGE),
    "many lone surrogates": ("\ud800" * (MAX_FRAME // 2), Reason.TOO_LARGE),
    "5 KB": (view(url=MARK * 500), Reason.TOO_LARGE),
    "a megabyte": ("x" * 1_000_000, Reason.TOO_LARGE),
    # its type
    "no type": (f'{{"token": "{MARK}"}}', Reason.UNKNOWN_TYPE),
    "another type": (f'{{"type": "{MARK}"}}', Reason.UNKNOWN_TYPE),
    "a type in capitals": ('{"type": "VIEW"}', Reason.UNKNOWN_TYPE),
    "type is null": ('{"type": null}', Reason.UNKNOWN_TYPE),
    "type is a number": ('{"type": 1}', Reason.UNKNOWN_TYPE),
    "type is a list": ('{"type": ["view"]}', Reason.UNKNOWN_TYPE),
    "type is an object": ('{"type": {"view": 1}}', Reason.UNKNOWN_TYPE),
    "a frame of the server": (f'{{"type": "counted", "id": "{ID}"}}', Reason.UNKNOWN_TYPE),
    # the id of a view
    "no id": (json.dumps({"type": "view", "token": VIEW}), Reason.ID),
    "id is null": (view(id=None), Reason.ID),
    "id is a number": (view(id=1234567890123456), Reason.ID),
    "id is a list": (view(id=[ID]), Reason.ID),
    "id too short": (view(id="x" * 15), Reason.ID),
    "id too long": (view(id="x" * 37), Reason.ID),
    "id with a space": (view(id="view 0123456789a"), Reason.ID),
    "id with a quote": (view(id='view"0123456789a'), Reason.ID),
    "id with a line": (view(id=ID + "\n"), Reason.ID),
    "id with a NUL": (view(id=ID + "\0"), Reason.ID),
    "id of other letters": (view(id="é" * 16), Reason.ID),
    "id of other digits": (view(id="\u0661" * 16), Reason.ID),
    # its token
    "no token": (json.dumps({"type": "view", "id": ID}), Reason.TOKEN),
    "token is null": (view(token=None), Reason.TOKEN),
    "token is a list": (view(token=[VIEW]), Reason.TOKEN),
    "token is garbage": (view(token=MARK), Reason.TOKEN),
    "token is forged": (view(token=f"view::{REF}:{MARK}"), Reason.TOKEN),
    "token with a NUL": (view(token=VIEW + "\0"), Reason.TOKEN),
    "token with a lone surrogate": (view(token=VIEW + "\ud800"), Reason.TOKEN),
    "token too long": (view(token="x" * 3000), Reason.TOKEN),
    "token to watch": (view(token=WATCH), Reason.SCOPE),
    "token expired": (view(token=tokens.mint("view", REF, -1)), Reason.EXPIRED),
    # its strings
    "url is null": (view(url=None), Reason.URL),
    "url is a number": (view(url=5), Reason.URL),
    "url is an object": (view(url={"href": MARK}), Reason.URL),
    "url too long": (view(url="/" * (MAX_URL + 1)), Reason.URL),
    "NUL in the url": (view(url=f"/{MARK}\0"), Reason.URL),
    "a line in the url": (view(url=f"/{MARK}\r\n"), Reason.URL),
    "an escape in the url": (view(url=f"/{MARK}\x1b[2J"), Reason.URL),
    "DEL in the url": (view(url="/\x7f"), Reason.URL),
    "a lone surrogate in the url": (view(url=f"/{MARK}\ud83d"), Reason.URL),
    "a lone surrogate, unescaped": (
        f'{{"type": "view", "id": "{ID}", "token": "{VIEW}", "url": "\udc00"}}',
        Reason.URL,
    ),
    "referrer is false": (view(referrer=False), Reason.REFERRER),
    "referrer too long": (view(referrer="/" * (MAX_URL + 1)), Reason.REFERRER),
    "a line in the referrer": (view(referrer=f"{MARK}\nfake log line"), Reason.REFERRER),
    "a lone surrogate in the referrer": (view(referrer="\udfff"), Reason.REFERRER),
    # subscribe
    "no tokens": ('{"type": "subscribe"}', Reason.MALFORMED),
    "tokens is null": ('{"type": "subscribe", "tokens": null}', Reason.MALFORMED),
    "tokens is a text": (json.dumps({"type": "subscribe", "tokens": WATCH}), Reason.MALFORMED),
    "tokens is an object": (json.dumps({"type": "subscribe", "tokens": {WATCH: 1}}), Reason.MALFORMED),
    "a token is a number": (subscribe(WATCH, 5), Reason.MALFORMED),
    "a token is null": (subscribe(None), Reason.MALFORMED),
    "a token is a list": (subscribe([WATCH]), Reason.MALFORMED),
    "a token too many": (subscribe(*["x"] * (MAX_TOKENS + 1)), Reason.SUBSCRIPTIONS),
    # unsubscribe
    "no refs": ('{"type": "unsubscribe"}', Reason.MALFORMED),
    "refs is a text": (json.dumps({"type": "unsubscribe", "refs": str(REF)}), Reason.MALFORMED),
    "a ref is a number": (unsubscribe(5), Reason.MALFORMED),
    "a ref is garbage": (unsubscribe(str(REF), MARK), Reason.MALFORMED),
    "a ref with a lone surrogate": (unsubscribe("blog.term:\ud800"), Reason.MALFORMED),
    # pong
    "pong of nothing": ('{"type": "pong"}', Reason.MALFORMED),
    "pong of a text": ('{"type": "pong", "n": "3"}', Reason.MALFORMED),
    "pong of true": ('{"type": "pong", "n": true}', Reason.MALFORMED),
    "pong of a fraction": ('{"type": "pong", "n": 3.0}', Reason.MALFORMED),
    "pong of an endless number": ('{"type": "pong", "n": 1e999}', Reason.MALFORMED),
    "pong of null": ('{"type": "pong", "n": null}', Reason.MALFORMED),
    # duplicate keys
    "a second type": ('{"type": "pong", "n": 1, "type": "none"}', Reason.UNKNOWN_TYPE),
}


def refused(frame: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        beacon.parse(frame)
    return caught.value


@pytest.mark.parametrize(("frame", "reason"), BAD.values(), ids=BAD)
def test_reason(frame: str, reason: Reason) -> None:
    error = refused(frame)
    assert error.reason is reason
    assert MARK not in str(error)


@pytest.mark.parametrize(("frame", "reason"), BAD.values(), ids=BAD)
def test_the_view_of_a_refusal(frame: str, reason: Reason) -> None:
    """A refusal has the id of the view if that is valid, so that the client knows which view it means."""
    of_a_view = {Reason.TOKEN, Reason.SCOPE, Reason.EXPIRED, Reason.URL, Reason.REFERRER}
    assert refused(frame).view_id == (ID if reason in of_a_view else None)


@pytest.mark.parametrize(("frame", "reason"), BAD.values(), ids=BAD)
def test_a_traceback_holds_nothing_of_the_client(frame: str, reason: Reason) -> None:
    """A log of a refusal with its causes contains no string of the client."""
    error = refused(frame)
    assert MARK not in "".join(traceback.format_exception(error, limit=0))


def test_a_number_of_too_many_digits() -> None:
    """Python refuses to parse integers of more than 4300 digits, and a frame is shorter than that."""
    n = int("9" * 4000)
    assert beacon.parse(f'{{"type": "pong", "n": {"9" * 4000}}}') == Pong(n)


def test_a_limit_of_the_caller() -> None:
    text = json.dumps({"tokens": ["x" * 200] * MAX_TOKENS})
    assert len(text) > MAX_FRAME
    assert len(beacon.watched(beacon.load(text, 32_768))) == MAX_TOKENS
    with pytest.raises(Rejected) as caught:
        beacon.load(text)
    assert caught.value.reason is Reason.TOO_LARGE


def test_python_calls_nothing_printable_that_we_refuse() -> None:
    """The parser does not search strings that Python calls printable."""
    assert [hex(n) for n in range(0x110000) if UNPRINTABLE.match(chr(n)) and chr(n).isprintable()] == []
