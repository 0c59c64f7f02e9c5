"""Daphne, told to let everybody have a turn."""

from __future__ import annotations

from twisted.internet import tcp

READ = 1024  # bytes; a view is about 400


def read_in_turns() -> None:
    """Let Daphne read at most ``READ`` bytes of a connection before it looks at the others. To be called in asgi.py.

    It parses all that one read brings in one go, at 80 us a frame: 64 KiB of the smallest frames keep everybody
    waiting for more than a second, 1 KiB of them for some ms.
    """
    tcp.Connection.bufferSize = READ
