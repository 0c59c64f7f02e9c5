"""WebSocket ends: the server's end of a WebSocket in this process, with Daphne's protocol or another, and no server."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.testing import StringTransport

from djinsight.daphne.outbox import Outbox

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Site:
    """Stands for the server of a socket."""

    root_path = ""
    proxy_forwarded_address_header = None
    ping_interval = 20
    websocket_timeout = -1
    websocket_connect_timeout = 5

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(asyncio.get_running_loop())

    def protocol_connected(self, protocol: WebSocketProtocol) -> None: ...

    protocol_disconnected = protocol_connected

    def create_application(self, protocol: WebSocketProtocol, scope: dict[str, Any]) -> asyncio.Queue[dict[str, Any]]:
        return asyncio.Queue()

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None: ...


class Transport(StringTransport):
    """Stands for a connection's transport. It can be cut, and has no producer at first."""

    aborted = False

    def unregisterProducer(self) -> None: ...

    def abortConnection(self) -> None:
        self.aborted = True


class Side:
    """The server's end of an open socket."""

    def __init__(
        self, kind: type[WebSocketProtocol], limit: int = 0, accepts: bool = True, transport: Any = None
    ) -> None:
        factory = WebSocketFactory(Site())
        factory.protocol = kind
        factory.setProtocolOptions(
            autoPingTimeout=30, openHandshakeTimeout=0, maxMessagePayloadSize=limit, maxFramePayloadSize=limit
        )
        self.protocol = factory.buildProtocol(None)
        self.protocol._raw_query_string = b""
        self.transport = transport or Transport()
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(HANDSHAKE)
        if accepts:
            self.protocol.handle_reply({"type": "websocket.accept"})
        if transport is None:
            self.transport.clear()
        self.received()

    def received(self) -> list[dict[str, Any]]:
        """Return the events that the application got since the last call."""
        queue = self.protocol.application_queue
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def sent(self) -> bytes:
        """Return the bytes that went to the client since the last call."""
        sent: bytes = self.transport.value()
        self.transport.clear()
        return sent

    def state(self) -> tuple[int, bool, bool]:
        return self.protocol.state, self.transport.disconnecting, self.transport.aborted

    def waits_for_a_pong(self) -> bool:
        return self.protocol.autoPingTimeoutCall is not None
