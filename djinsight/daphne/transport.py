"""Transport of one connection, which can read little at a time and write without waiting for the reactor."""

from __future__ import annotations

import logging
from typing import Any

from twisted.internet import tcp
from twisted.python.failure import Failure

from djinsight.daphne.outbox import Outbox

logger = logging.getLogger("djinsight.daphne")

READ_SIZE = 1024  # bytes to read from a WebSocket before other connections are read; a view has about 400


class Transport(tcp.Connection):
    """A connection of Twisted's, until a WebSocket asks it for more.

    Half-closed connections are not handled: a WebSocket is closed as a whole.
    """

    outbox: Outbox | None = None

    def read_fairly(self) -> None:
        """Read at most ``READ_SIZE`` bytes before the reactor looks at the other connections.

        autobahn handles all that one read brings in one go, at up to 80 us a frame: 64 KiB of the smallest frames
        keep every other client waiting for more than a second, 1 KiB of them for some milliseconds.
        """
        self.bufferSize = READ_SIZE

    def write_by(self, outbox: Outbox) -> None:
        """Write at the end of each loop iteration, by ``outbox``."""
        self.outbox = outbox

    def startWriting(self) -> None:
        """Have the buffer written by the outbox, or by the reactor if the kernel has not taken the last write."""
        if self.outbox is None or self.dataBuffer:
            super().startWriting()  # type: ignore[no-untyped-call]
        else:
            self.outbox.add(self)

    def write_now(self) -> None:
        """Write what the kernel takes, and end the connection if that fails, as the reactor does."""
        if not self.connected:
            return
        try:
            failed = self.doWrite()  # type: ignore[no-untyped-call]
        except Exception as error:
            logger.exception("Writing to a connection failed; it is closed.")
            failed = error
        if failed is not None:
            self.connectionLost(Failure(failed))  # type: ignore[no-untyped-call]
        elif self.dataBuffer:
            super().startWriting()  # type: ignore[no-untyped-call]  # the reactor goes on when the kernel takes more


def use(port: Any) -> None:
    """Make connections of ``port`` a ``Transport``. A port without connections of Twisted's own stays as it is.

    Twisted documents the attribute: "If you wish to change the sort of transport that will be used, the ``transport``
    attribute will be called with the signature expected for ``Server.__init__``, so it can be replaced."
    """
    transport = getattr(port, "transport", None)
    if isinstance(transport, type) and issubclass(transport, tcp.Server):
        port.transport = _subclass(transport)


def _subclass(transport: type[tcp.Server]) -> type[tcp.Server]:
    """Return a subclass of ``transport``, TCP's or that of UNIX sockets, that is a ``Transport``."""
    return type(f"WebSocket{transport.__name__}", (Transport, transport), {})


def of(transport: Any) -> Transport | None:
    """Return the connection that ``transport`` writes to, which is below it under TLS, or None if it is not ours."""
    connection = getattr(transport, "transport", transport)
    return connection if isinstance(connection, Transport) else None
