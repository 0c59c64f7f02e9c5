"""Textbook: a consumer as tutorials write it, with four Redis commands and a ``group_send`` a view."""

import json
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

import redis.asyncio
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()
client = redis.asyncio.Redis.from_url(os.environ["BENCHMARK_REDIS"])


class ViewConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.accept()

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        ref = content["token"].split(":")[3]
        visitor = dict(self.scope["headers"])[b"cookie"].decode()
        await client.rpush("events", json.dumps(content))
        total = await client.incr(f"views:{ref}")
        unique = await client.sadd(f"visitors:{ref}", visitor)
        await client.hset("last", ref, content["id"])
        await self.channel_layer.group_send("watchers", {"type": "counter", "total_views": total})
        await self.send_json({"type": "counted", "id": content["id"], "unique": bool(unique)})

    async def counter(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "counters", "counters": [{"total_views": event["total_views"]}]})


application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([path("ws/textbook/", ViewConsumer.as_asgi())])})
