"""Daphne's WebSocket protocol, with a short way for what nearly every frame is: one short text, whole."""

from __future__ import annotations

import time
from struct import Struct
from typing import Any

from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from djinsight.live import outbox

SHORT = 4096  # bytes of a text that goes the short way; djinsight takes no longer ones
READ = 1024  # bytes of a socket that are read before the others have their turn; a view is about 400
TEXT = 0x81  # the first byte of a text in one frame, without extensions (RFC 6455, 5.2)
MASKED = 0x80  # the flag of a client's frame in the second byte, beside the length
TWO_BYTES = 126  # the length that says that it is in the next two bytes

# What autobahn knows of a socket, and the short way asks for. A version that names it otherwise goes its own way.
ASKED = (
    "autoPingTimeoutCall",
    "current_frame",
    "data",
    "inside_message",
    "maxFramePayloadSize",
    "maxMessagePayloadSize",
)

_long_header = Struct(">BBH").pack


class ShortTextProtocol(WebSocketProtocol):  # type: ignore[misc]
    """Reads and writes short texts by itself, and leaves everything else to autobahn, as it was.

    Autobahn, Daphne's WebSocket library, takes a frame in a dozen steps, each of which a subclass may change: it reads
    a view in 22 us where this takes 2.5, and writes the answer in 10 where this takes 1.5. A frame that is not read
    here (a fragment, binary, a ping, a close, compressed, not in ASCII, against the rules) is read, answered or refused
    by autobahn. Only its statistics of traffic, which Daphne does not look at, lack what went the short way.
    """

    data: bytes  # autobahn's: what has come and is not read
    longest = 0  # bytes of a text that goes the short way, once the socket is open; no more than the server's limits

    # Looked up twice a frame by the server; Daphne's own, in Python, says the same.
    __hash__ = object.__hash__

    def connectionMade(self) -> None:
        """Read ``READ`` bytes of this connection at most before the reactor looks at the others.

        Autobahn handles all that one read brings in one go, at up to 80 us a frame: 64 KiB of the smallest frames keep
        everybody waiting for more than a second, 1 KiB of them for some ms. The connection is a socket by now, with
        its headers read, so that uploads and other requests keep Twisted's 64 KiB.
        """
        # Under TLS the connection is below the transport, which passes on what one read has brought.
        connection: Any = getattr(self.transport, "transport", self.transport)
        connection.bufferSize = min(READ, getattr(connection, "bufferSize", READ))
        super().connectionMade()

    def onOpen(self) -> None:
        super().onOpen()
        if all(hasattr(self, name) for name in ASKED):
            self.longest = min(SHORT, self.maxFramePayloadSize or SHORT, self.maxMessagePayloadSize or SHORT)
        outbox.add(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        outbox.remove(self.transport)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """What has come of a connection: from a whole frame to a part of one, and the next ones."""
        if self.longest and self._is_between_messages():
            data, self.data = self.data + data, b""
            at = 0
            while (bounds := short_text(data, at, self.longest)) is not None:
                begin, end = bounds
                if end > len(data):
                    self.data = data[at:]  # the rest of it is on its way
                    return
                payload = unmask(data[begin - 4 : begin], data[begin:end])
                if not payload.isascii():
                    break  # whether it is UTF-8 autobahn knows
                self.onMessage(payload, False)
                at = end
            data = data[at:]
        if data:
            super().dataReceived(data)

    def sendMessage(
        self,
        payload: bytes,
        isBinary: bool = False,
        fragmentSize: int | None = None,
        sync: bool = False,
        doNotCompress: bool = False,
    ) -> None:
        """Send ``payload``. Raises what autobahn does where the socket is not open, or the message too long."""
        length = len(payload)
        if isBinary or fragmentSize is not None or sync or length > self.longest or self.state != self.STATE_OPEN:
            super().sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)
        elif length < TWO_BYTES:
            self.transport.write(bytes((TEXT, length)) + payload)
        else:
            self.transport.write(_long_header(TEXT, TWO_BYTES, length) + payload)

    def check_timeouts(self) -> None:
        """Called every two seconds of each socket, and of nearly all of them nothing is due."""
        now, server = time.time(), self.server
        due = now - self.last_ping > server.ping_interval or 0 <= server.websocket_timeout < now - self.socket_opened
        if due or self.state != self.STATE_OPEN:
            super().check_timeouts()

    def _is_between_messages(self) -> bool:
        """Whether autobahn waits for nothing: neither for the rest of what has begun, nor for a sign of life."""
        return (
            self.state == self.STATE_OPEN
            and self.current_frame is None
            and not self.inside_message
            and self.autoPingTimeoutCall is None
        )


def short_text(data: bytes, at: int, longest: int) -> tuple[int, int] | None:
    """Where the payload of the frame at ``at`` begins and ends; its mask is in the four bytes before.

    None where that is not said yet, or the frame is anything but a masked text of 1 to ``longest`` bytes.
    The end may be past that of ``data``.
    """
    if len(data) - at < 8 or data[at] != TEXT:
        return None
    length = data[at + 1] - MASKED
    begin = at + 6
    if length == TWO_BYTES:
        length = data[at + 2] << 8 | data[at + 3]
        begin = at + 8
        if length < TWO_BYTES:
            return None  # two bytes where one would do are against the rules
    elif length > TWO_BYTES:
        return None
    return (begin, begin + length) if 0 < length <= longest else None


def unmask(mask: bytes, payload: bytes) -> bytes:
    """``payload`` as the client meant it: each byte by exclusive or with one of the four of ``mask``, in turn."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
