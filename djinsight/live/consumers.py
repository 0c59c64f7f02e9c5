"""The consumer: handles one socket from handshake to close."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import AsyncConsumer

from djinsight import days
from djinsight.beacons import beacon, ids, visitors
from djinsight.beacons.beacon import Beacon, Pong, Subscribe, Unsubscribe
from djinsight.beacons.visitors import Visitor
from djinsight.counting import refusals
from djinsight.counting.entries import View
from djinsight.exceptions import Reason, Rejected
from djinsight.live import frames, hub
from djinsight.live.frames import CloseCode
from djinsight.live.hub import Hub
from djinsight.live.sockets import MAX_ERRORS, MAX_IN_FLIGHT, MAX_SUBSCRIPTIONS, Socket

logger = logging.getLogger("djinsight.live")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class PageViewConsumer(AsyncConsumer):  # type: ignore[misc]
    """Receives the beacons and subscriptions of one page, and answers them.

    It has a receive loop of its own, because ``AsyncConsumer.dispatch`` awaits the shared sync thread for every
    message: an echo takes 757 us with it, 168 us without. It has no channel, because each channel costs a subscription;
    the hub has one for all sockets.
    """

    visitor: Visitor | None = None
    issued = ""  # a first-party id that the browser has yet to receive

    def identify(self, view: Beacon) -> Visitor:
        """Decide which visitor this socket belongs to, from its handshake and its first view.

        A page that only watches never sends a view, so its visitor is never computed.
        """
        visitor = visitors.from_scope(self.scope, days.now().number, view.view_id)
        self.issued = visitor.issued
        self.visitor = visitor._replace(issued="")
        return self.visitor

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Accept the socket, and handle its frames until it ends."""
        if (await receive())["type"] != "websocket.connect":
            return
        self.scope = scope
        self.hub: Hub = hub.get()
        loop = asyncio.get_running_loop()
        self.socket = Socket(send, asyncio.current_task(), loop.time())
        await send({"type": "websocket.accept"})
        self.hub.join(self.socket)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if self.socket.closed:
                    continue  # read and drop what the client still sends, so that it does not pile up in the server
                now = loop.time()
                self.socket.took(now)
                if not self.socket.closed:
                    self.on_frame(message.get("text"), now)
        except asyncio.CancelledError:
            if not self.socket.closed:
                raise
        finally:
            self.socket.closed = True
            self.hub.leave(self.socket)

    def on_frame(self, text: str | None, now: float) -> None:
        """Handle one frame without waiting.

        Replies that depend on Redis are sent later, by ``acknowledge`` and by the hub.

        Args:
            text: The frame, or None if it was binary.
            now: When it arrived, in seconds of the event loop's clock.
        """
        try:
            if text is None:
                raise Rejected(Reason.BINARY)
            message = beacon.parse(text)
            _HANDLERS[type(message)](self, message, now)
        except Rejected as error:
            self.reject(error)

    def on_view(self, view: Beacon, now: float) -> None:
        """Give a view to the recorder.

        Raises:
            Rejected: The view must not be counted, or the socket has too many views in flight.
        """
        visitor = self.visitor or self.identify(view)
        refused = visitors.refusal(visitor)
        if refused is None and self.socket.in_flight >= MAX_IN_FLIGHT:
            refused = Reason.BUSY
        if refused is not None:
            raise Rejected(refused, view.view_id)
        self.socket.viewing = view.ref
        self.hub.recorder.submit(View(view, visitor), self.acknowledge)
        self.socket.in_flight += 1
        if self.issued:
            # Sent before Redis answers, so that a page that is left in between has its id, too.
            self.socket.write(frames.visitor(self.issued, ids.MAX_AGE))
            self.issued = ""

    def on_subscribe(self, message: Subscribe, now: float) -> None:
        """Subscribe the socket to the accepted refs, up to ``MAX_SUBSCRIPTIONS``, and reject the rest."""
        for reason in message.refused:
            self.reject(Rejected(reason))
        if self.socket.closed:
            return
        if message.until is not None:
            ends_at = now + message.until - time.time()
            self.socket.ends_at = min(self.socket.ends_at, ends_at)
        room = MAX_SUBSCRIPTIONS - len(self.socket.refs)
        new = [ref for ref in message.refs if ref not in self.socket.refs]
        if len(new) > room:
            self.reject(Rejected(Reason.SUBSCRIPTIONS))
        again = [ref for ref in message.refs if ref in self.socket.refs]
        self.hub.subscribe(self.socket, again + new[: max(room, 0)])

    def on_unsubscribe(self, message: Unsubscribe, now: float) -> None:
        """Unsubscribe the socket from the refs of ``message``."""
        self.hub.unsubscribe(self.socket, message.refs)

    def on_pong(self, message: Pong, now: float) -> None:
        """Take the answer to a ping."""
        self.socket.pong(message.n, now)

    def acknowledge(self, view_id: str, outcome: bool | Reason) -> None:
        """Send the client the recorder's outcome of a view.

        Args:
            view_id: The id that the client made.
            outcome: True if the view is unique, False if it is not, or the reason why it was not counted.
        """
        self.socket.in_flight -= 1
        self.socket.viewing = None
        if isinstance(outcome, Reason):
            refusals.count(outcome)
            self.hub.answer(self.socket)
            self.socket.write(frames.rejected(view_id, outcome))
        else:
            self.socket.write(frames.counted(view_id, outcome))

    def reject(self, error: Rejected) -> None:
        """Count a refusal and tell the client its reason; close the socket after ``MAX_ERRORS`` unreadable frames."""
        refusals.count(error.reason)
        if error.view_id is not None:
            self.socket.write(frames.rejected(error.view_id, error.reason))
            return
        self.socket.errors += 1
        if self.socket.errors > MAX_ERRORS:
            self.socket.close(CloseCode.MISUSE)
        else:
            self.socket.write(frames.error(error.reason))


# The handler of each type of message.
_HANDLERS: dict[type[Any], Callable[[Any, Any, float], None]] = {
    Beacon: PageViewConsumer.on_view,
    Subscribe: PageViewConsumer.on_subscribe,
    Unsubscribe: PageViewConsumer.on_unsubscribe,
    Pong: PageViewConsumer.on_pong,
}
