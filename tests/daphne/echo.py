"""Echo: a small ASGI application without Django, with echoes, uploads and downloads, and a frame that names classes."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any
from urllib.parse import unquote

BLOCK = bytes(range(256)) * 4096  # 1 MiB
CLASSES = "classes"  # the application answers this string with the names of the classes that serve the socket
CANCELLED = "An echo was cancelled."  # printed when an echo is cancelled
flooded: list[None] = []  # an item for each frame that came on /


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await SOCKETS[scope["path"]](scope, receive, send)
    elif scope["type"] == "http":
        await (upload if scope["method"] == "POST" else download)(scope, receive, send)


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    try:
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == CLASSES:
                message = {"text": " ".join(classes(send))}
            await send({**message, "type": "websocket.send"})
    except asyncio.CancelledError:
        print(CANCELLED)
        raise


def classes(send: Any) -> list[str]:
    """Return the names of the classes of the server, the protocol, and the transport of TCP or of a UNIX socket."""
    server, (protocol,) = send.func.__self__, send.args
    transport = getattr(protocol.transport, "transport", protocol.transport)
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, (server, protocol, transport))]


async def flood(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive())["type"] == "websocket.receive":
        flooded.append(None)


async def among(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer each frame with the number of frames that came on ``/`` before it."""
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": str(len(flooded))})


async def hold(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Halt the whole server when a frame comes, until the named pipe of the query string is closed."""
    await receive()
    with open(unquote(scope["query_string"].decode()), "rb") as pipe:  # noqa: ASYNC230 - to halt the loop
        pipe.read()
    await receive()


async def upload(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the SHA-256 of the body."""
    digest = hashlib.sha256()
    more = True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
    await send({"type": "http.response.body", "body": digest.hexdigest().encode()})


async def download(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the number of blocks that the path names."""
    blocks = int(scope["path"].removeprefix("/"))
    length = str(blocks * len(BLOCK)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for _ in range(blocks):
        await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
    await send({"type": "http.response.body"})


SOCKETS = {"/echo": echo, "/": flood, "/among": among, "/hold": hold}
