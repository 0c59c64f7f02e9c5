import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

http = ASGIStaticFilesHandler(get_asgi_application())

from djinsight.routing import HTTPFallback, OriginValidator, websocket_urlpatterns  # noqa: E402

before_django = HTTPFallback(http)
sockets = URLRouter(websocket_urlpatterns)
application = ProtocolTypeRouter({"http": before_django, "websocket": OriginValidator(sockets)})


async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse every socket, as a network that permits none."""
    await receive()
    await send({"type": "websocket.close"})


without_sockets = ProtocolTypeRouter({"http": before_django, "websocket": refuse})
without_sockets_by_django = ProtocolTypeRouter({"http": http, "websocket": refuse})

# A site whose developer forgot the route of the socket.
without_route = ProtocolTypeRouter({"http": before_django, "websocket": OriginValidator(URLRouter([]))})


async def nothing(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every request with 404, as a server without pages."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"no such page"})
