"""A page's socket in a test: the consumer in this process, or a server's over the network."""

from __future__ import annotations

import json
from typing import Any

from channels.testing import WebsocketCommunicator

from tests.asgi import sockets

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
WITHIN = 10  # seconds for anything that is awaited


class Page:
    """One open socket. Frames go and come as dicts; ``send`` takes raw text too."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        if isinstance(frame, bytes):
            await self.communicator.send_to(bytes_data=frame)
        else:
            await self.communicator.send_to(text_data=frame if isinstance(frame, str) else json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(await self.communicator.receive_from(WITHIN))
        return frame

    async def ask(self, frame: dict[str, Any] | str | bytes) -> dict[str, Any]:
        """Send a frame and take the next one."""
        await self.send(frame)
        return await self.receive()

    async def view(self, token: str, view_id: str, **fields: str) -> dict[str, Any]:
        return await self.ask({"type": "view", "id": view_id, "token": token, **fields})

    async def counter(self, total_views: int) -> dict[str, Any]:
        """The first counter that comes with at least ``total_views``."""
        while True:
            frame = await self.receive()
            for counter in frame.get("counters", ()):
                if counter["total_views"] >= total_views:
                    return dict(counter)

    async def closed(self) -> int:
        """The code with which the server closes."""
        while True:
            message = await self.communicator.receive_output(WITHIN)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def close(self) -> None:
        await self.communicator.disconnect()


async def open_page(**headers: str) -> Page:
    """Open a socket as a browser would; a header ``user_agent`` replaces the browser's."""
    named = {"user-agent": BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
    communicator = WebsocketCommunicator(sockets, "/ws/djinsight/", headers=pairs)
    connected, _ = await communicator.connect(WITHIN)
    assert connected
    return Page(communicator)


def view_id(n: int = 0) -> str:
    """A valid view id, a different one for each ``n``."""
    return f"view-{n:011d}"
