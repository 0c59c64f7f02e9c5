"""The WebSocket route, for a ``URLRouter``."""

from __future__ import annotations

from django.urls import path

from djinsight.live.consumers import PageViewConsumer

SOCKET_PATH = "ws/djinsight/"

websocket_urlpatterns = [path(SOCKET_PATH, PageViewConsumer.as_asgi())]
