"""The least that a server can do with its sockets, in plain ASGI: what djinsight is measured against.

``/echo`` sends back every frame. ``/accept`` accepts and sends nothing. ``/flood`` sends one text to all its sockets,
again and again, from the moment that ``/start`` gets it until that socket is closed. ``/relay`` sends back a frame
after it has been through Redis's publish and subscribe.
A request over HTTP is read to its end, and answered with nothing.
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
    """A frame goes out before the next one: with one turn of the loop, two of them would share a write."""
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
