"""WebSocket protocol: Daphne's, with a fast path for short text frames."""

from __future__ import annotations

import logging
import time
from struct import Struct
from urllib.parse import parse_qs

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.defer import maybeDeferred
from twisted.python.failure import Failure

from djinsight.daphne import handshake, transport

logger = logging.getLogger("djinsight.daphne")

SHORT = 4096  # most bytes of a text frame on the fast path; djinsight accepts no longer frames
TEXT = 0x81  # the first byte of a text message in one frame, without extensions (RFC 6455, 5.2)
MASKED = 0x80  # the flag of a client's frame in the second byte, beside the length
TWO_BYTES = 126  # the length that says that it is in the next two bytes

# Attributes of autobahn's that the fast path reads. If a version lacks one of them, no frame takes the fast path.
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
    """Reads and writes short text frames by itself, and leaves all others to autobahn.

    autobahn, Daphne's WebSocket library, handles a frame in a dozen steps, and a subclass may change each. It reads
    a view in 22 us and writes the answer in 10. The fast path reads it in 2.5 us and writes it in 1.5. A frame that is
    not read here (a fragment, binary, a ping, a close, compressed, not in ASCII, against the rules) is read, answered
    or refused by autobahn. Only autobahn's traffic statistics, which Daphne does not read, lack the short frames.

    autobahn formats what it tells its log before it knows if a log line is written. Methods that only add such a line
    are overridden, so that nothing is formatted for each read and each write.
    """

    websocket_protocols: list[str]  # autobahn's: the subprotocols that the client offers
    data: bytes  # autobahn's: the received bytes that are not handled yet
    longest = 0  # bytes of a frame that takes the fast path, once the socket is open; at most the server's limits

    # autobahn copies these options from the factory to each socket, and formats them all for its log.
    # ``connectionMade`` copies them instead.
    CONFIG_ATTRS: tuple[str, ...] = ()

    # The server hashes a socket twice for each frame. Daphne's own method, in Python, returns the same value.
    __hash__ = object.__hash__

    def connectionMade(self) -> None:
        """Read little at a time from now on: the connection is a WebSocket, with its headers read."""
        for option in WebSocketProtocol.CONFIG_ATTRS:
            if not hasattr(self, option):
                setattr(self, option, getattr(self.factory, option))
        if connection := transport.of(self.transport):
            connection.read_fairly()
        super().connectionMade()

    def processHandshake(self) -> None:
        """Read the opening handshake of a browser. autobahn reads, answers or refuses every other one.

        autobahn formats what it tells its log at each step, and parses the URL and the origin with general parsers. It
        reads a handshake in 111 us, this method in 50 (measured: benchmarks/notes.md).
        """
        opening = handshake.read(self.data) if self._has_default_rules() else None
        if opening is None:
            super().processHandshake()
            return
        headers = opening.headers
        path, _, query = opening.uri.partition("?")
        self.http_request_data, self.data = self.data[: opening.size], self.data[opening.size :]
        self.http_status_line, self.http_headers = opening.status_line, headers
        self.http_request_uri, self.http_request_host, self.http_request_path = opening.uri, opening.host, path
        self.http_request_params = parse_qs(query) if query else {}
        self.websocket_version, self.websocket_protocols = 13, []
        self.websocket_origin = headers.get("origin", "")
        self.websocket_extensions = self._parseExtensionsHeader(headers.get("sec-websocket-extensions", ""))
        self._wskey = opening.key
        request = ConnectionRequest(  # type: ignore[no-untyped-call]
            self.peer,
            headers,
            opening.host,
            path,
            self.http_request_params,
            self.websocket_version,
            self.websocket_origin,
            self.websocket_protocols,
            self.websocket_extensions,
        )
        maybeDeferred(self.onConnect, request).addCallbacks(self.succeedHandshake, self._refuse)

    def _refuse(self, failure: Failure) -> None:
        """Refuse a handshake because the application does, or because it failed."""
        error = failure.value
        if isinstance(error, ConnectionDeny):
            self.failHandshake(error.reason, error.code)
        else:
            logger.error("A WebSocket was refused because of a bug. The traceback tells why.", exc_info=error)
            self.failHandshake(f"Internal server error: {error}", ConnectionDeny.INTERNAL_SERVER_ERROR)

    def _has_default_rules(self) -> bool:
        """Return if handshakes are subject to Daphne's rules: any origin, any number of sockets, no trusted proxy."""
        return (
            [each.pattern for each in self.allowedOriginsPatterns] == ["^.*$"]
            and not self.maxConnections
            and not self.trustXForwardedFor
            and not self.factory.externalPort
        )

    def onOpen(self) -> None:
        """Take the fast path from now on, and write by the server's outbox."""
        super().onOpen()
        if all(hasattr(self, name) for name in ASKED):
            self.longest = min(SHORT, self.maxFramePayloadSize or SHORT, self.maxMessagePayloadSize or SHORT)
        if connection := transport.of(self.transport):
            connection.write_by(self.server.outbox)

    def dataReceived(self, data: bytes) -> None:
        """Handle the bytes of one read: a part of a frame, or several frames."""
        if self.longest and self._is_between_messages():
            data, self.data = self.data + data, b""
            at = 0
            while (bounds := short_text(data, at, self.longest)) is not None:
                begin, end = bounds
                if end > len(data):
                    self.data = data[at:]  # the rest of the frame has not come yet
                    return
                payload = unmask(data[begin - 4 : begin], data[begin:end])
                if not payload.isascii():
                    break  # autobahn checks if it is UTF-8
                self.onMessage(payload, False)
                at = end
            data = data[at:]
        if data:
            self._dataReceived(data)

    def sendMessage(
        self,
        payload: bytes,
        isBinary: bool = False,
        fragmentSize: int | None = None,
        sync: bool = False,
        doNotCompress: bool = False,
    ) -> None:
        """Send ``payload``.

        Raises:
            autobahn.exception.Disconnected: The socket is not open.
            autobahn.exception.PayloadExceededError: The payload is longer than the server's limit.
        """
        length = len(payload)
        if isBinary or fragmentSize is not None or sync or length > self.longest or self.state != self.STATE_OPEN:
            super().sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)
        elif length < TWO_BYTES:
            self.transport.write(bytes((TEXT, length)) + payload)
        else:
            self.transport.write(_long_header(TEXT, TWO_BYTES, length) + payload)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write the frame or handshake ``data``; in pieces if autobahn asks for that."""
        if sync or chopsize or self.send_queue or self.logOctets:
            super().sendData(data, sync, chopsize)
        else:
            self.transport.write(data)

    def check_timeouts(self) -> None:
        """Ping or close the socket if that is due. Daphne calls this every two seconds, and it rarely is."""
        now, server = time.time(), self.server
        due = now - self.last_ping > server.ping_interval or 0 <= server.websocket_timeout < now - self.socket_opened
        if due or self.state != self.STATE_OPEN:
            super().check_timeouts()

    def _is_between_messages(self) -> bool:
        """Return if autobahn waits for nothing: not for the rest of a frame or message, nor for a pong."""
        return (
            self.state == self.STATE_OPEN
            and self.current_frame is None
            and not self.inside_message
            and self.autoPingTimeoutCall is None
        )


def short_text(data: bytes, at: int, longest: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at ``at`` begins and ends, if it is a short text frame.

    Args:
        data: The bytes that were received from a socket.
        at: Where a frame begins in ``data``.
        longest: The longest payload, in bytes.

    Returns:
        The bounds of the payload. Its mask is in the four bytes before. The end may be past that of ``data``.
        None if too few bytes have come to tell, or if the frame is not a masked text frame of 1 to ``longest`` bytes.
    """
    if len(data) - at < 8 or data[at] != TEXT:
        return None
    length = data[at + 1] - MASKED
    begin = at + 6
    if length == TWO_BYTES:
        length = data[at + 2] << 8 | data[at + 3]
        begin = at + 8
        if length < TWO_BYTES:
            return None  # against RFC 6455: one byte would do
    elif length > TWO_BYTES:
        return None
    return (begin, begin + length) if 0 < length <= longest else None


def unmask(mask: bytes, payload: bytes) -> bytes:
    """Return ``payload`` with each byte XORed with one of the four of ``mask``, in turn (RFC 6455, 5.3)."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
