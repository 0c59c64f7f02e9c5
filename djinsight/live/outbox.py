"""The outbox: what the connections of one reactor have to write at the end of this turn of the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

from twisted.internet import tcp
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.python.failure import Failure

logger = logging.getLogger("djinsight.live")

_leave_to_reactor: Callable[[tcp.Connection], None] = tcp.Connection.startWriting


class Outbox:
    """Lets connections write as asyncio's own do: at once, and only what the kernel does not take waits for epoll.

    Twisted asks epoll first whether a connection may be written to, each time, and takes it off again: two calls of
    the kernel, and half of what a short frame costs. All that was written to a connection in one turn of the loop
    still goes in one piece, and one that fails or is to be closed ends as in the reactor. For connections that are
    closed as a whole, as WebSockets are.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._context = Context()  # of nobody: what is written is not only of who wrote first
        self._waiting: dict[tcp.Connection, None] = {}

    def take(self, connection: tcp.Connection) -> None:
        """Write what ``connection`` has to, soon."""
        if connection.dataBuffer:  # the kernel has not taken all of it: the reactor goes on when it does
            _leave_to_reactor(connection)
            return
        if not self._waiting:
            self._loop.call_soon(self._write, context=self._context)
        self._waiting[connection] = None

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            try:
                _write(connection)
            except Exception:
                logger.exception("a connection could not be ended, or left to the reactor")


def _write(connection: Any) -> None:
    """What the reactor does with a connection that epoll lets it write to."""
    if not connection.connected:
        return
    try:
        failed = connection.doWrite()
    except Exception as error:
        logger.exception("a connection could not be written to")
        failed = error
    if failed is not None:
        connection.connectionLost(Failure(failed))  # type: ignore[no-untyped-call]
    elif connection.dataBuffer:
        _leave_to_reactor(connection)


def add(connection: object) -> None:
    """Let ``connection`` write by the outbox of its reactor; one that is not TCP's is left alone."""
    if isinstance(connection, tcp.Connection) and isinstance(connection.reactor, AsyncioSelectorReactor):
        reactor: Any = connection.reactor
        if not hasattr(reactor, "djinsight_outbox"):
            reactor.djinsight_outbox = Outbox(asyncio.get_running_loop())
        vars(connection)["startWriting"] = partial(reactor.djinsight_outbox.take, connection)


def remove(connection: object) -> None:
    """Take ``connection`` out, which is over. It would keep itself in memory."""
    vars(connection).pop("startWriting", None)
