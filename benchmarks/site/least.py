"""The least that a server can do to count a view: what the time of one is bounded by, whoever counts.

A view is answered when Redis has it, one script call for all that wait. Nothing else that counting needs: no token is
looked at, no double recognised, no visitor is known, nobody is told the number, and nothing is bounded. It runs in our
Daphne server class.

On ``/`` all views are added to one number, on ``/objects`` to one of each URL.
"""

import asyncio
import json
import os
from functools import cache
from typing import Any

import redis.asyncio

COUNT = """
for url in ARGV[1]:gmatch('%S+') do
  redis.call('XADD', KEYS[1], '*', 'url', url)
end
local numbers = {}
for i = 2, #KEYS do
  numbers[i - 1] = redis.call('INCRBY', KEYS[i], ARGV[i])
end
return numbers
"""
A_CALL = 512  # views

decode = json.JSONDecoder().raw_decode
waiting: list[tuple[str, str, str, Any]] = []
commits: list[asyncio.Task[None]] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        raise NotImplementedError(f"expected a websocket but got {scope['type']}")
    await receive()
    await send({"type": "websocket.accept"})
    each = scope["path"] == "/objects"
    while (message := await receive())["type"] == "websocket.receive":
        view, _ = decode(message["text"])
        waiting.append((view["id"], view["url"], view["url"] if each else "number", send))
        if not commits:
            commits.append(asyncio.ensure_future(commit()))


async def commit() -> None:
    while waiting:
        batch = waiting[:A_CALL]
        del waiting[:A_CALL]
        numbers: dict[str, int] = {}
        for _, _, number, _ in batch:
            numbers[number] = numbers.get(number, 0) + 1
        urls = "\n".join(url for _, url, _, _ in batch)
        await script()(keys=["events", *numbers], args=[urls, *numbers.values()])
        for view_id, _, _, send in batch:
            await send({"type": "websocket.send", "text": f'{{"type":"counted","id":"{view_id}","unique":true}}'})
    commits.clear()


@cache
def script() -> Any:
    return redis.asyncio.Redis.from_url(os.environ["BENCHMARK_REDIS"]).register_script(COUNT)
