"""Bare: a plain ASGI application that does the least with its sockets, to compare djinsight with.

- ``/echo`` sends back every frame.
- ``/accept`` accepts and sends nothing.
- ``/flood`` sends one text to all its sockets, over and over, from when ``/start`` receives it until that is closed.
- ``/relay`` sends back a frame after it has gone through Redis's publish and subscribe.
- An HTTP request is read to its end and answered with an empty body.
"""

import asyncio
import os
from typing import Any

import redis.asyncio

flooded: list[Any] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await upload(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await PATHS[scope["path"]](receive, send)


async def upload(receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def echo(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def accept(receive: Any, send: Any) -> None:
    while (await receive())["type"] == "websocket.receive":
        pass


async def join(receive: Any, send: Any) -> None:
    flooded.append(send)
    await accept(receive, send)
    flooded.remove(send)


async def start(receive: Any, send: Any) -> None:
    text = (await receive())["text"]
    flooding = asyncio.ensure_future(flood(text))
    await accept(receive, send)
    flooding.cancel()


async def flood(text: str) -> None:
    """Send ``text`` over and over, with two loop iterations after each, so that no two frames share a write."""
    while True:
        for each in list(flooded):
            await each({"type": "websocket.send", "text": text})
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def relay(receive: Any, send: Any) -> None:
    client = redis.asyncio.Redis.from_url(os.environ["BENCHMARK_REDIS"])
    pubsub = client.pubsub()
    await pubsub.subscribe("relay")
    await pubsub.get_message(timeout=None)
    while (message := await receive())["type"] == "websocket.receive":
        await client.publish("relay", message["text"])
        published = await pubsub.get_message(timeout=None)
        await send({"type": "websocket.send", "text": published["data"].decode()})
    await pubsub.aclose()
    await client.aclose()


PATHS = {"/echo": echo, "/accept": accept, "/flood": join, "/start": start, "/relay": relay}
