"""The outbox: connections to write to at the end of this loop iteration."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import Protocol

logger = logging.getLogger("djinsight.daphne")


class Writer(Protocol):
    """A connection with something to write."""

    def write_now(self) -> None:
        """Write what the kernel takes."""


class Outbox:
    """Writes to connections as asyncio's own transports do: at once, and the kernel is asked only if it takes less.

    Twisted first asks epoll for each write if it may write, and takes the connection off again afterwards: two system
    calls, and half of the cost of a short frame. What one loop iteration writes to a connection still goes out in one
    piece.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write in iterations of ``loop``, in which ``add`` must be called."""
        self._loop = loop
        self._context = Context()  # empty: the batch belongs to all writers, not to the first one
        self._waiting: dict[Writer, None] = {}

    def add(self, connection: Writer) -> None:
        """Write to ``connection`` in the next loop iteration."""
        if not self._waiting:
            self._loop.call_soon(self._write, context=self._context)
        self._waiting[connection] = None

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            try:
                connection.write_now()
            except Exception:
                logger.exception("A connection could not be closed; the others are written to.")
