"""Daphne server class: fair reads, a fast path for short text frames, and writes without a wait for the kernel."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property
from typing import Any

# Before anything of Twisted: it installs the reactor.
import daphne.server  # isort:skip
from daphne.ws_protocol import WebSocketProtocol

from djinsight import collector
from djinsight.daphne import versions
from djinsight.daphne.outbox import Outbox

logger = logging.getLogger("djinsight.daphne")


class Server(daphne.server.Server):  # type: ignore[misc]
    """Serve as Daphne does, with WebSockets that cost less and keep no other client waiting.

    Each WebSocket is read 1 KiB at a time, so that a client that sends as fast as it can keeps no other client
    waiting. Other requests, uploads among them, are read as Daphne reads them. Short text frames take a fast path
    (``djinsight.daphne.websocket``), and are written at the end of the loop iteration (``djinsight.daphne.outbox``).

    Daphne, autobahn and Twisted stay as they are: this class only overrides methods, and sets the protocol of its own
    WebSocket factory and the transport of its own ports, as Twisted documents both. With a version of the three that
    it is not tested with, it logs one warning and serves as Daphne does.
    """

    connections: dict[Any, dict[str, Any]]  # Daphne's: its state of each protocol or request
    is_plain = False  # if it serves as Daphne does

    def run(self) -> None:
        """Serve until the server is stopped."""
        if untested := versions.untested():
            self.is_plain = True
            logger.warning(
                "djinsight is not tested with %s. Daphne serves without djinsight's improvements, which changes no"
                " answer and costs speed. Upgrade djinsight, or install tested versions.",
                ", ".join(untested),
            )
        super().run()

    def listen_success(self, port: Any) -> None:
        """Use our classes for the connections of ``port``, which listens from now on.

        A WebSocket protocol or a transport that another subclass has set stays.
        """
        super().listen_success(port)
        if self.is_plain:
            return
        # Imported here, as these modules subclass Daphne's and Twisted's classes, and may not load with other versions.
        from djinsight.daphne import transport
        from djinsight.daphne.websocket import ShortTextProtocol

        if self.ws_factory.protocol is WebSocketProtocol:
            self.ws_factory.protocol = ShortTextProtocol
        transport.use(port)

    @cached_property
    def outbox(self) -> Outbox:
        """The outbox of all WebSockets of this server; made by the first one, within the running loop."""
        return Outbox(asyncio.get_running_loop())

    def kill_all_applications(self) -> Any:
        """Cancel all applications before the reactor ends, and return a Deferred of their end.

        Daphne expects an application of each connection. A request that has become a WebSocket has none for up to a
        second, and then Daphne raises KeyError and cancels none.
        """
        if self.is_plain:
            return super().kill_all_applications()
        connections = self.connections
        self.connections = {each: found for each, found in connections.items() if "application_instance" in found}
        try:
            return super().kill_all_applications()
        finally:
            self.connections = connections

    def application_checker(self) -> None:
        """Look for applications that have ended, each second, without promoting garbage-collector generations.

        Daphne lists its connections in pairs, which count as objects that survive. With 5,000 sockets the collector
        walked the whole heap every 25 s and halted the process for 0.45 s (measured: benchmarks/notes.md).
        """
        with collector.Paused():
            super().application_checker()
