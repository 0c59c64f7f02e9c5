"""The WebSocket route, for a ``URLRouter``, and what to put around it."""

from __future__ import annotations

from django.urls import re_path

from djinsight.conf import SOCKET_PATH
from djinsight.live.consumers import PageViewConsumer
from djinsight.live.origin_validator import OriginValidator

__all__ = ["SOCKET_PATH", "OriginValidator", "websocket_urlpatterns"]

# Below any script name: a router takes off what the server was told (root_path), and knows nothing of what pages have
# from FORCE_SCRIPT_NAME, or from a server of their own.
websocket_urlpatterns = [re_path(rf"^(?:.+/)?{SOCKET_PATH}$", PageViewConsumer.as_asgi())]
