"""Routing: the WebSocket route for a ``URLRouter``, and the validator to wrap it in."""

from __future__ import annotations

from django.urls import re_path

from djinsight.conf import SOCKET_PATH
from djinsight.live.consumers import PageViewConsumer
from djinsight.live.origin_validator import OriginValidator

__all__ = ["SOCKET_PATH", "OriginValidator", "websocket_urlpatterns"]

# The path matches below any script name. URLRouter strips only the server's root_path; pages may have another script
# name, from FORCE_SCRIPT_NAME or from a server of their own.
websocket_urlpatterns = [re_path(rf"^(?:.+/)?{SOCKET_PATH}$", PageViewConsumer.as_asgi())]
