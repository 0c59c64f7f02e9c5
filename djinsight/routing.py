"""The WebSocket route, for a ``URLRouter``, and what to put around it."""

from __future__ import annotations

from django.urls import path

from djinsight.live.consumers import PageViewConsumer
from djinsight.live.origins import OriginValidator

__all__ = ["SOCKET_PATH", "OriginValidator", "websocket_urlpatterns"]

SOCKET_PATH = "ws/djinsight/"

websocket_urlpatterns = [path(SOCKET_PATH, PageViewConsumer.as_asgi())]
