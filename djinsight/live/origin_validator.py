"""The origin validator: ASGI middleware that accepts sockets of this site's pages only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from djinsight.beacons.handshakes import Handshake
from djinsight.beacons.origins import permitted
from djinsight.counting import refusals
from djinsight.exceptions import Reason

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class OriginValidator:
    """Refuses a handshake from a page of another site with 403, before a socket opens.

    It replaces Channels' ``AllowedHostsOriginValidator``, which checks neither scheme nor port, accepts every origin
    with ``ALLOWED_HOSTS = ["*"]``, and fails if an origin is not a URL.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass a permitted handshake on to the application, and refuse another one."""
        if permitted(Handshake.of(scope)):
            await self.application(scope, receive, send)
            return
        refusals.count(Reason.ORIGIN)
        await receive()  # the handshake
        await send({"type": "websocket.close"})
