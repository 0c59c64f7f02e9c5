"""One client's socket: what waits to be sent, and whether the client is still there."""

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

MAX_IN_FLIGHT = 32  # views a socket that are not acknowledged yet; past it a view is refused as busy
MAX_SUBSCRIPTIONS = 100  # objects a socket; past it a subscribe is refused
MAX_ERRORS = 100  # unreadable frames a socket; then it is closed
MAX_WAITING = 256  # frames that wait for a client that does not read; then it is closed
FRAME_BURST = 2.0  # seconds of frames at their rate that a client may save up
MAX_UNREAD = 1024 * 1024  # bytes sent that the client has not read for sure; then what comes waits
PING_EVERY = 17.0  # seconds, or MAX_UNREAD / 2; answered before Daphne would ping by itself, after 20 s of silence
PONG_WITHIN = 20.0  # seconds
CLOSE_WITHIN = 5.0  # seconds a close may take
LINGER = 2.0  # seconds until a socket that is closed is over, also where the server does not say so

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Socket:
    """Sends frames one after the other and never waits for the client.

    While a frame is on its way, acknowledgements queue, and of each counter only the newest is kept. The same while
    the client may not have read ``MAX_UNREAD`` bytes: a server that applies no back-pressure, as Daphne, would keep
    them for it without a bound. What it has read is known by its pongs, whose numbers cannot be guessed.
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
    )

    def __init__(self, send: Send, owner: asyncio.Task[Any] | None, now: float) -> None:
        self.refs: set[ObjectRef] = set()
        self.in_flight = 0
        self.errors = 0
        self.closed = False
        self.ends_at = inf  # in the loop's time: when a token that it watches with expires
        self._send = send
        self._owner = owner
        self._sending: asyncio.Task[None] | None = None
        self._waiting: deque[str] = deque()
        self._counters: dict[ObjectRef, str] = {}
        # A token bucket in one number: the moment up to which frames are paid for, each at its cost in seconds.
        self._frame_cost = 0.0 if conf.rate_socket is None else 1 / conf.rate_socket
        self._paid = now
        self._ping = 0  # the number that the last ping asked for
        self._sent = self._sent_before_ping = self._read = 0  # bytes
        self._awaiting_pong = False
        self._since = now  # when the last ping was sent, or its pong came

    def write(self, frame: str) -> None:
        """Send ``frame`` after those that wait."""
        if self.closed:
            return
        if self._sending is not None or self._is_full():
            self._waiting.append(frame)
            if len(self._waiting) > MAX_WAITING:
                self.close(CloseCode.SLOW)
        else:
            self._start(frame)

    def push(self, counters: Mapping[ObjectRef, str], frame: str) -> None:
        """Send changed counters: ``frame``, or newer ones in its place where the client is slow."""
        if self.closed:
            return
        if self._sending is not None or self._is_full():
            self._counters.update(counters)
        else:
            self._start(frame)

    def beat(self, now: float) -> bool:
        """Ping the client, or close where it did not answer, or may not watch any longer. Called every few seconds.

        Returns whether it was pinged.
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
        """A frame came in. Closes where there are too many a second."""
        self._paid = max(self._paid, now) + self._frame_cost
        if self._paid > now + FRAME_BURST:
            refusals.count(Reason.RATE)
            self.close(CloseCode.FLOOD)

    def pong(self, n: int, now: float) -> None:
        """The client answered ping ``n``."""
        if self._awaiting_pong and n == self._ping:
            self._awaiting_pong = False
            self._since = now
            self._read = self._sent_before_ping
            if self._sending is None and (frame := self._next()) is not None:
                self._start(frame)

    def close(self, code: CloseCode) -> None:
        """Close with ``code``, also where the client does not read."""
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
            # uvicorn raises where the client is gone; the receive loop hears of it as a disconnect.
            logger.debug("a frame could not be sent: %s", error)
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
            logger.debug("a socket could not be closed: %s", error)
        if self._sending is not None:
            self._sending.cancel()
        if self._owner is not None:
            # It takes what the client still sends, up to the end of the connection.
            await asyncio.wait([self._owner], timeout=LINGER)
            self._owner.cancel()
