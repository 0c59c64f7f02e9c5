"""Routing: the parts of a site's ``asgi.py``: the route of the WebSocket, its validator, and the HTTP fallback."""

from __future__ import annotations

from django.urls import re_path

from djinsight.conf import SOCKET_PATH
from djinsight.http_fallback import HTTPFallback
from djinsight.live.consumers import PageViewConsumer
from djinsight.live.origin_validator import OriginValidator

__all__ = ["SOCKET_PATH", "HTTPFallback", "OriginValidator", "websocket_urlpatterns"]

# The path matches below any script name. URLRouter strips only the server's root_path; pages may have another script
# name, from FORCE_SCRIPT_NAME or from a server of their own.
websocket_urlpatterns = [re_path(rf"^(?:.+/)?{SOCKET_PATH}$", PageViewConsumer.as_asgi())]
