import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

http = ASGIStaticFilesHandler(get_asgi_application())

from djinsight.routing import OriginValidator, websocket_urlpatterns  # noqa: E402

sockets = URLRouter(websocket_urlpatterns)
application = ProtocolTypeRouter({"http": http, "websocket": OriginValidator(sockets)})


async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A network on which no socket opens."""
    await receive()
    await send({"type": "websocket.close"})


without_sockets = ProtocolTypeRouter({"http": http, "websocket": refuse})

# Nobody has thought of the sockets, and of nothing else either.
without_route = ProtocolTypeRouter({"http": http, "websocket": OriginValidator(URLRouter([]))})


async def nothing(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A server that has no page at all."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"no such page"})
