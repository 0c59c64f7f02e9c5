"""Sockets: the outgoing queue of one client, and the check that the client is still there."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any

from djinsight.conf import conf
from djinsight.counting import refusals
from djinsight.exceptions import Reason
from djinsight.live import eager, frames
from djinsight.live.frames import CloseCode
from djinsight.tracked.refs import ObjectRef

logger = logging.getLogger("djinsight.live")

MAX_IN_FLIGHT = 32  # unacknowledged views of a socket; further views are rejected as busy
MAX_SUBSCRIPTIONS = 100  # objects of a socket; further ones are rejected
MAX_ERRORS = 100  # unreadable frames of a socket; past it the socket is closed
MAX_WAITING = 256  # frames queued for a client that does not read; past it the socket is closed
FRAME_BURST = 2.0  # seconds of frames at the rate limit that a client may send at once
MAX_UNREAD = 1024 * 1024  # bytes sent without proof that the client has read them; past it frames are queued
PING_EVERY = 17.0  # seconds, or MAX_UNREAD / 2 bytes; before Daphne's own ping, which follows 20 s of silence
PONG_WITHIN = 20.0  # seconds
CLOSE_WITHIN = 5.0  # seconds a close may take
LINGER = 2.0  # seconds until the task of a closed socket is cancelled, in case the server reports no disconnect

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Socket:
    """Sends frames to one client in order, without making its callers wait.

    While a frame is being sent, other frames queue, and only the newest value of each counter is kept. Frames also
    queue while ``MAX_UNREAD`` bytes may be unread, because a server without back-pressure, such as Daphne, would buffer
    them without a bound. Pongs carry unguessable numbers, so they prove how much the client has read.
    """

    __slots__ = (
        "_awaiting_pong",
        "_counters",
        "_frame_cost",
        "_owner",
        "_paid",
        "_ping",
        "_read",
        "_send",
        "_sending",
        "_sent",
        "_sent_before_ping",
        "_since",
        "_waiting",
        "closed",
        "ends_at",
        "errors",
        "in_flight",
        "refs",
        "viewing",
    )

    def __init__(self, send: Send, owner: asyncio.Task[Any] | None, now: float) -> None:
        self.refs: set[ObjectRef] = set()
        self.in_flight = 0
        self.viewing: ObjectRef | None = None  # the object of the newest view, if one is in flight
        self.errors = 0
        self.closed = False
        self.ends_at = inf  # when the first of its watch tokens expires, in seconds of the event loop's clock
        self._send = send
        self._owner = owner
        self._sending: asyncio.Task[None] | None = None
        self._waiting: deque[str] = deque()
        self._counters: dict[ObjectRef, str] = {}
        # A token bucket as one number: the time up to which the rate limit is used up. Each frame adds its cost.
        self._frame_cost = 0.0 if conf.rate_socket is None else 1 / conf.rate_socket
        self._paid = now
        self._ping = 0  # the number that the last ping asked for
        self._sent = self._sent_before_ping = self._read = 0  # bytes
        self._awaiting_pong = False
        self._since = now  # when the last ping was sent, or when its pong arrived

    def write(self, frame: str) -> None:
        """Send ``frame``, after the frames that are queued; close the socket if too many are."""
        if self.closed:
            return
        if self._sending is not None or self._is_full():
            self._waiting.append(frame)
            if len(self._waiting) > MAX_WAITING:
                self.close(CloseCode.SLOW)
        else:
            self._start(frame)

    def push(self, counters: Mapping[ObjectRef, str], frame: str) -> None:
        """Send changed counters: ``frame`` at once, or the newest values later if the client is slow.

        Args:
            counters: The JSON of each counter by its ref.
            frame: A ``counters`` frame of all of them.
        """
        if self.closed:
            return
        if self._sending is not None or self._is_full():
            self._counters.update(counters)
        else:
            self._start(frame)

    def beat(self, now: float) -> bool:
        """Ping the client if it is time, and return whether it was pinged. The hub calls this every few seconds.

        Closes the socket if a ping was not answered in time, or if a watch token has expired.
        """
        if now >= self.ends_at:
            self.close(CloseCode.EXPIRED)
        elif self._awaiting_pong and now - self._since > PONG_WITHIN:
            self.close(CloseCode.NO_PONG)
        elif not self._awaiting_pong and now - self._since > PING_EVERY:
            self.write(self._new_ping(now))
            return True
        return False

    def took(self, now: float) -> None:
        """Note that a frame arrived; close the socket if it exceeds the rate limit."""
        self._paid = max(self._paid, now) + self._frame_cost
        if self._paid > now + FRAME_BURST:
            refusals.count(Reason.RATE)
            self.close(CloseCode.FLOOD)

    def pong(self, n: int, now: float) -> None:
        """Note that the client answered ping ``n``, and send what waited for it."""
        if self._awaiting_pong and n == self._ping:
            self._awaiting_pong = False
            self._since = now
            self._read = self._sent_before_ping
            if self._sending is None and (frame := self._next()) is not None:
                self._start(frame)

    def close(self, code: CloseCode) -> None:
        """Close the socket with ``code``, even if the client does not read."""
        if not self.closed:
            self.closed = True
            self._waiting.clear()
            self._counters.clear()
            eager.keep(asyncio.get_running_loop().create_task(self._close(code)))

    def _is_full(self) -> bool:
        return self._sent - self._read >= MAX_UNREAD

    def _new_ping(self, now: float) -> str:
        self._ping = secrets.randbits(31)
        self._awaiting_pong = True
        self._since = now
        self._sent_before_ping = self._sent
        return frames.ping(self._ping)

    def _start(self, frame: str) -> None:
        self._sending = eager.start(self._drain(frame))

    async def _drain(self, frame: str | None) -> None:
        try:
            while frame is not None and not self.closed:
                await self._send({"type": "websocket.send", "text": frame})
                self._sent += len(frame)  # frames are ASCII
                frame = self._next()
        except (OSError, RuntimeError) as error:
            # uvicorn raises if the client is gone; the receive loop then gets a disconnect message.
            logger.debug("A frame could not be sent: %s. The socket is treated as closed.", error)
            self.closed = True
        finally:
            self._sending = None

    def _next(self) -> str | None:
        unread = self._sent - self._read
        if unread >= MAX_UNREAD / 2 and not self._awaiting_pong:
            return self._new_ping(asyncio.get_running_loop().time())
        if unread >= MAX_UNREAD:
            return None
        if self._waiting:
            return self._waiting.popleft()
        if self._counters:
            frame = frames.counters(self._counters.values())
            self._counters = {}
            return frame
        return None

    async def _close(self, code: CloseCode) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._send({"type": "websocket.close", "code": int(code)})
        except (OSError, RuntimeError, TimeoutError) as error:
            logger.debug("A socket could not be closed: %s. Its task is cancelled.", error)
        if self._sending is not None:
            self._sending.cancel()
        if self._owner is not None:
            # The owner reads and drops what the client still sends, until the connection ends.
            await asyncio.wait([self._owner], timeout=LINGER)
            self._owner.cancel()
