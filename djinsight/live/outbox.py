"""The outbox: what the connections of one reactor have to write at the end of this turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet import tcp
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

_leave_to_reactor: Callable[[tcp.Connection], None] = tcp.Connection.startWriting


class Outbox:
    """Lets connections write as asyncio's own do: at once, and only what the kernel does not take waits for epoll.

    Twisted asks epoll first whether a connection may be written to, each time, and takes it off again: two calls of
    the kernel, and half of what a short frame costs. All that was written to a connection in one turn of the loop
    still goes in one piece. Whatever is out of the ordinary is left to the reactor: a client that does not read, a
    connection that is gone or is to be closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[tcp.Connection, None] = {}

    def take(self, connection: tcp.Connection) -> None:
        """Write what ``connection`` has to, soon."""
        if not self._waiting:
            self._loop.call_soon(self._write)
        self._waiting[connection] = None

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            if connection.connected and not _wrote_all(connection):
                _leave_to_reactor(connection)


def _wrote_all(connection: Any) -> bool:
    """Whether nothing is left to do. What fails here fails again in the reactor, which says so and disconnects."""
    try:
        return connection.doWrite() is None and not connection.dataBuffer
    except Exception:
        return False


_outboxes: WeakKeyDictionary[AsyncioSelectorReactor, Outbox] = WeakKeyDictionary()


def add(connection: object) -> None:
    """Let ``connection`` write by the outbox of its reactor; one that is not TCP's is left alone."""
    if isinstance(connection, tcp.Connection) and isinstance(connection.reactor, AsyncioSelectorReactor):
        outbox = _outboxes.get(connection.reactor)
        if outbox is None:
            outbox = _outboxes[connection.reactor] = Outbox(asyncio.get_running_loop())
        vars(connection)["startWriting"] = partial(outbox.take, connection)


def remove(connection: object) -> None:
    """Take ``connection`` out, which is over. It would keep itself in memory."""
    vars(connection).pop("startWriting", None)
