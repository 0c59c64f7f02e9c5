"""Sockets: a page's socket in a test, to the consumer in this process or to a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from channels.testing import WebsocketCommunicator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.asgi import sockets

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
WITHIN = 60  # seconds for anything that is awaited; enough for a busy machine

Frame = dict[str, Any] | str | bytes


class Transport(Protocol):
    async def send(self, data: str | bytes) -> None: ...
    async def receive(self) -> str: ...
    async def closed(self) -> int: ...
    async def close(self) -> None: ...


class Page:
    """One open socket. Frames are dicts; ``send`` takes strings and bytes, too."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.issued = ""  # the id that the server gave this visitor

    async def send(self, frame: Frame) -> None:
        await self.transport.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def receive(self, within: float | None = WITHIN) -> dict[str, Any]:
        """Return the next frame other than that of the visitor's id, which is kept."""
        async with asyncio.timeout(within):
            while (frame := await self.receive_any())["type"] == "visitor":
                self.issued = frame["visitor"]
            return frame

    async def receive_any(self) -> dict[str, Any]:
        """Return the next frame of any type."""
        frame: dict[str, Any] = json.loads(await self.transport.receive())
        return frame

    async def ask(self, frame: Frame) -> dict[str, Any]:
        """Send a frame and return the next one that comes."""
        await self.send(frame)
        return await self.receive()

    async def view(self, token: str, view_id: str, **fields: str) -> dict[str, Any]:
        return await self.ask({"type": "view", "id": view_id, "token": token, **fields})

    async def subscribe(self, *tokens: str) -> dict[str, Any]:
        return await self.ask({"type": "subscribe", "tokens": list(tokens)})

    async def counter(self, total_views: int) -> dict[str, Any]:
        """Return the first counter with at least ``total_views``."""
        while True:
            frame = await self.receive()
            for counter in frame.get("counters", ()):
                if counter["total_views"] >= total_views:
                    return dict(counter)

    async def closed(self) -> int:
        """Return the code with which the server closes the socket."""
        async with asyncio.timeout(WITHIN):
            return await self.transport.closed()

    async def close(self) -> None:
        await self.transport.close()


class InProcess:
    """A socket to the consumer in this event loop."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def send(self, data: str | bytes) -> None:
        kind = "bytes" if isinstance(data, bytes) else "text"
        await self.communicator.send_input({"type": "websocket.receive", kind: data})

    async def receive(self) -> str:
        text: str = await self.communicator.receive_from(WITHIN)
        return text

    async def closed(self) -> int:
        while True:
            message = await self.communicator.receive_output(WITHIN)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def close(self) -> None:
        await self.communicator.disconnect()


class Network:
    """A socket to a server."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, data: str | bytes) -> None:
        await self.connection.send(data)

    async def receive(self) -> str:
        return str(await self.connection.recv())

    async def closed(self) -> int:
        while True:
            try:
                await self.connection.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006

    async def close(self) -> None:
        await self.connection.close()


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {"user-agent": BROWSER, **{name.replace("_", "-"): value for name, value in given.items()}}


async def open_page(**headers: str) -> Page:
    """Open a socket in this process as a browser does; ``user_agent`` replaces the browser's."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in _headers(headers).items()]
    communicator = WebsocketCommunicator(sockets, "/ws/djinsight/", headers=pairs)
    connected, _ = await communicator.connect(WITHIN)
    assert connected
    return Page(InProcess(communicator))


async def connect_page(host: str, **headers: str) -> Page:
    """Open a socket to the server at ``host``."""
    given = {"origin": f"http://{host}", **_headers(headers)}
    agent = given.pop("user-agent")
    connection = await connect(
        f"ws://{host}/ws/djinsight/", additional_headers=given, user_agent_header=agent, proxy=None, max_size=None
    )
    return Page(Network(connection))


def view_id(n: int = 0) -> str:
    """Return a valid view id, a different one for each ``n``."""
    return f"view-{n:011d}"
