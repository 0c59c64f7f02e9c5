"""WebSocket protocol: the fast path behaves as Daphne's own protocol does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, pairwise
from typing import NamedTuple

import pytest
from autobahn.exception import Disconnected, PayloadExceededError
from autobahn.websocket import protocol as autobahn
from daphne.ws_protocol import WebSocketProtocol
from hypothesis import example, given, settings
from hypothesis import strategies as st

from djinsight.daphne import websocket
from djinsight.daphne.websocket import ASKED, SHORT, ShortTextProtocol
from tests.support.websocket_ends import Side, Site

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
TEXT_BEGINS, GOES_ON, ENDS = 0x01, 0x00, 0x80
MASK, NO_MASK, ZEROS = b"\x01\x42\x83\xc4", b"", bytes(4)

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")), deadline=None, derandomize=bool(os.environ.get("CI"))
)


def sides(limit: int = 0) -> tuple[Side, Side]:
    """Return the server's ends of two equal sockets: with Daphne's own protocol, and with ours."""
    return Side(WebSocketProtocol, limit), Side(ShortTextProtocol, limit)


class Frame(NamedTuple):
    """A frame of a client."""

    first: int
    payload: bytes
    mask: bytes = MASK
    form: int = 0  # bytes of the length after its first one; 0 for as few as RFC 6455 asks for

    def __bytes__(self) -> bytes:
        length = len(self.payload)
        form = self.form or (0 if length < 126 else 2 if length < 65_536 else 8)
        said = min(length, 125) if form == 0 else 126 if form == 2 else 127
        head = bytes((self.first, said | (0x80 if self.mask else 0))) + (length.to_bytes(form, "big") if form else b"")
        return head + self.mask + bytes(a ^ b for a, b in zip(self.payload, cycle(self.mask or b"\0")))


def in_pieces(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Return ``data`` in pieces, as a network would deliver it."""
    ends = sorted({cut % len(data) for cut in cuts} - {0}) if data else []
    for begin, end in pairwise([0, *ends, len(data)]):
        yield data[begin:end]


ascii_texts = st.text(st.characters(max_codepoint=127), max_size=300).map(str.encode)
payloads = ascii_texts | st.text(max_size=200).map(str.encode) | st.binary(max_size=200)
around_the_bounds = st.sampled_from([0, 1, 2, 125, 126, 127, 255, 256, SHORT - 1, SHORT, SHORT + 1, 65_535, 65_536])
texts = (ascii_texts | around_the_bounds.map(lambda length: b"a" * length)).map(lambda payload: Frame(TEXT, payload))
others = st.builds(
    Frame,
    st.sampled_from([TEXT, BINARY, TEXT_BEGINS, GOES_ON, ENDS, PING, PONG, CLOSE]) | st.integers(0, 255),
    payloads,
    st.sampled_from([MASK, MASK, ZEROS, NO_MASK]),
    st.sampled_from([0, 0, 0, 2, 8]),
)
streams = st.lists(texts | texts | others, max_size=8)
cuts = st.lists(st.integers(0, 1_000_000), max_size=8)


@fuzzed
@given(streams, cuts, st.sampled_from([0, 0, 0, 100, SHORT + 1]), st.booleans())
@example([Frame(TEXT, b"hello"), Frame(TEXT, b"you" * 100)], [3, 11, 12, 17, 40], 0, False)
@example([Frame(TEXT, "grüße".encode()), Frame(TEXT, b"hello")], [], 0, False)
@example([Frame(TEXT, b"\xff\xff"), Frame(TEXT, b"hello")], [], 0, False)
@example([Frame(TEXT_BEGINS, b"he"), Frame(PING, b"?"), Frame(ENDS, b"llo"), Frame(TEXT, b"you")], [], 0, False)
@example([Frame(TEXT_BEGINS, b"he"), Frame(TEXT, b"a new one within")], [8], 0, False)
@example([Frame(PING, bytes(Frame(TEXT, b"a text in it")), ZEROS)], [6], 0, False)
@example([Frame(TEXT, b"a" * 121, ZEROS, form=8)], [], 0, False)
@example([Frame(TEXT, b"unmasked", NO_MASK)], [], 0, False)
@example([Frame(TEXT, b"too long a length", form=2)], [], 0, False)
@example([Frame(TEXT, b"a" * 101)], [], 100, False)
@example([Frame(CLOSE, b"\x03\xe8"), Frame(TEXT, b"after the close")], [], 0, False)
@example([Frame(TEXT, b"a sign of life"), Frame(TEXT, b"another")], [30], 0, True)
def test_of_a_client(frames: list[Frame], cuts: list[int], limit: int, pinged: bool) -> None:
    """For all frames of a client, the application and the client receive the same with both protocols."""
    data = b"".join(map(bytes, frames))
    own, short = sides(limit)
    for side in (own, short):
        if pinged:
            side.protocol._sendAutoPing()
            side.sent()  # the handshake's response, which has the time in it
        for piece in in_pieces(data, cuts):
            if side.transport.disconnecting or side.transport.aborted:
                break
            side.protocol.dataReceived(piece)
    assert short.received() == own.received()
    assert short.sent() == own.sent()
    assert short.state() == own.state()
    assert short.waits_for_a_pong() == own.waits_for_a_pong()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 256, SHORT, SHORT + 1, 65_535, 65_536])
@pytest.mark.parametrize("letter", ["a", "ü"])
@pytest.mark.parametrize("key", ["text", "bytes"])
def test_of_the_application(length: int, letter: str, key: str) -> None:
    content = letter * length if key == "text" else letter.encode() * length
    own, short = sides()
    for side in (own, short):
        side.protocol.handle_reply({"type": "websocket.send", key: content})
    assert short.sent() == own.sent()


@pytest.mark.parametrize("kind", [WebSocketProtocol, ShortTextProtocol])
def test_after_the_end(kind: type[WebSocketProtocol]) -> None:
    side = Side(kind)
    side.protocol.handle_reply({"type": "websocket.close", "code": 4400})
    assert side.sent() == b"\x88\x02\x11\x30"
    with pytest.raises(Disconnected):
        side.protocol.handle_reply({"type": "websocket.send", "text": "late"})
    assert side.sent() == b""


@pytest.mark.parametrize("kind", [WebSocketProtocol, ShortTextProtocol])
def test_after_a_violation(kind: type[WebSocketProtocol]) -> None:
    """Bytes that come after a violation are ignored."""
    side = Side(kind)
    side.protocol.dataReceived(bytes(Frame(TEXT, b"unmasked", NO_MASK)))
    side.protocol.dataReceived(bytes(Frame(TEXT, b"late")) * 2)
    assert side.received() == []
    assert side.transport.aborted


@pytest.mark.parametrize("kind", [WebSocketProtocol, ShortTextProtocol])
def test_longer_than_the_server_lets_a_message_be(kind: type[WebSocketProtocol]) -> None:
    side = Side(kind, limit=100)
    with pytest.raises(PayloadExceededError):
        side.protocol.handle_reply({"type": "websocket.send", "text": "a" * 101})
    assert side.sent() == b""


def test_short_texts_do_not_go_through_autobahn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short text frames do not go through autobahn, so the tests above compare two paths."""
    side = Side(ShortTextProtocol)
    for name in ("processData", "sendFrame", "sendData"):
        monkeypatch.delattr(autobahn.WebSocketProtocol, name)
    data = b"".join(bytes(Frame(TEXT, b"a" * length)) for length in (2, 125, 126, SHORT))
    for piece in in_pieces(data, [20, 60, 160, 1000, 2024]):
        side.protocol.dataReceived(piece)
    assert [len(message["text"]) for message in side.received()] == [2, 125, 126, SHORT]
    side.protocol.handle_reply({"type": "websocket.send", "text": "hello"})
    assert side.sent() == b"\x81\x05hello"


@pytest.mark.parametrize("kind", [WebSocketProtocol, ShortTextProtocol])
@pytest.mark.parametrize(
    ("opened", "heard", "timeout", "pings", "closes"),
    [
        (30, 19, -1, False, False),
        (30, 21, -1, True, False),
        (30, 19, 40, False, False),
        (30, 19, 20, False, True),
        (30, 21, 20, False, True),
        (30, 19, 0, False, True),
    ],
)
def test_what_is_due(
    kind: type[WebSocketProtocol],
    opened: int,
    heard: int,
    timeout: int,
    pings: bool,
    closes: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Site, "websocket_timeout", timeout)
    side, now = Side(kind), time.time()
    side.protocol.socket_opened, side.protocol.last_ping = now - opened, now - heard
    side.protocol.check_timeouts()
    assert side.waits_for_a_pong() is pings
    assert (side.protocol.state == WebSocketProtocol.STATE_CLOSING) is closes


@pytest.mark.parametrize("kind", [WebSocketProtocol, ShortTextProtocol])
@pytest.mark.parametrize(("opened", "rejected"), [(4, False), (6, True)])
def test_a_handshake_that_is_not_answered(kind: type[WebSocketProtocol], opened: int, rejected: bool) -> None:
    side = Side(kind, accepts=False)
    side.protocol.socket_opened = time.time() - opened
    side.protocol.check_timeouts()
    assert (b"403" in side.sent()) is rejected


@pytest.mark.parametrize("gone", ASKED)
def test_an_autobahn_that_names_it_otherwise(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If autobahn has no such attribute, all frames go through autobahn, as with plain Daphne."""
    asked = tuple(f"{name}_renamed" if name == gone else name for name in ASKED)
    monkeypatch.setattr(websocket, "ASKED", asked)
    monkeypatch.delattr(ShortTextProtocol, "_is_between_messages")  # it would read the attribute
    side = Side(ShortTextProtocol)
    assert side.protocol.longest == 0
    side.protocol.dataReceived(bytes(Frame(TEXT, b"how are you")))
    assert side.received() == [{"type": "websocket.receive", "text": "how are you"}]
    side.protocol.handle_reply({"type": "websocket.send", "text": "hello"})
    assert side.sent() == b"\x81\x05hello"
