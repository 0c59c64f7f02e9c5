"""Daphne as the site's asgi.py tells it: small parts of a flood, a short way, nothing in vain."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import Future
from importlib import import_module
from inspect import signature
from pathlib import Path
from pprint import PrettyPrinter
from typing import Any

import autobahn.util
import daphne.server
import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from djinsight.live import hub, sockets
from djinsight.live.daphne import tune_daphne
from djinsight.live.protocol import READ, ShortTextProtocol
from tests.support.processes import ROOT
from tests.support.websocket_ends import HANDSHAKE

FRAME = b"\x81\x85\x00\x00\x00\x00hello"  # of a client, with a mask of zeros


class Echo(WebSocketServerProtocol):  # type: ignore[misc]
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)


def echo() -> bytes:
    """What a server sends that is sent a frame."""
    factory = WebSocketServerFactory()
    factory.protocol = Echo
    factory.setProtocolOptions(openHandshakeTimeout=0)
    protocol, transport = factory.buildProtocol(None), StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(HANDSHAKE)
    transport.clear()
    protocol.dataReceived(FRAME)
    sent: bytes = transport.value()
    return sent


def formatted(*args: Any, **kwargs: Any) -> str:
    raise AssertionError(f"{args} were formatted for a line that is not written")


def test_reads_in_turns_of_a_socket() -> None:
    transport = StringTransport()
    transport.bufferSize = 65_536  # type: ignore[attr-defined]
    factory = WebSocketFactory(None)
    factory.protocol = ShortTextProtocol
    factory.buildProtocol(None).makeConnection(transport)
    assert transport.bufferSize == READ <= 4096  # type: ignore[attr-defined]


def test_reads_in_turns_of_a_socket_under_tls() -> None:
    transport = StringTransport()
    transport.transport = StringTransport()  # type: ignore[attr-defined]
    factory = WebSocketFactory(None)
    factory.protocol = ShortTextProtocol
    factory.buildProtocol(None).makeConnection(transport)
    assert transport.transport.bufferSize == READ  # type: ignore[attr-defined]


def test_reads_requests_as_before() -> None:
    """An upload comes in as few reads as without: nothing is set for connections that are no sockets."""
    before = tcp.Connection.bufferSize
    tune_daphne()
    assert tcp.Connection.bufferSize == before >= 65_536


def test_makes_no_line_that_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autobahn.util, "hl", formatted)
    monkeypatch.setattr(PrettyPrinter, "pformat", formatted)
    tune_daphne()
    assert echo() == b"\x81\x05hello"


def test_goes_a_short_way_with_short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocketFactory, "protocol", WebSocketProtocol)
    tune_daphne()
    assert WebSocketFactory.protocol is ShortTextProtocol
    tune_daphne()  # twice is once
    assert WebSocketFactory.protocol is ShortTextProtocol


def test_a_protocol_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(WebSocketProtocol):  # type: ignore[misc]
        pass

    monkeypatch.setattr(WebSocketFactory, "protocol", Mine)
    tune_daphne()
    assert WebSocketFactory.protocol is Mine


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with connections whose applications run, on a clock that stands still."""
    monkeypatch.setattr(daphne.server, "reactor", Clock())
    site = Server(None, endpoints=["tcp:0"])
    site.connections = {object(): {"connected": 0.0, "application_instance": Future()} for _ in range(5000)}
    return site


@pytest.mark.parametrize("on", [True, False])
def test_looks_through_its_sockets_without_the_collector(site: Server, on: bool) -> None:
    """The list that Daphne makes of them each second would promote itself, and soon have the whole heap walked."""
    runs: list[str] = []

    def collected(phase: str, info: dict[str, int]) -> None:
        runs.append(phase)

    tune_daphne()
    if not on:
        gc.disable()
    gc.callbacks.append(collected)
    try:
        site.application_checker()
        assert not runs
        assert gc.isenabled() is on
    finally:
        gc.callbacks.remove(collected)
        gc.enable()
    (again,) = daphne.server.reactor.getDelayedCalls()
    assert again.getTime() == 1.0


def test_takes_away_what_is_over(site: Server) -> None:
    tune_daphne()
    tune_daphne()  # twice is once
    assert not hasattr(Server.application_checker.__wrapped__, "__wrapped__")
    over, cancelled, *_ = site.connections.values()
    over["application_instance"].set_result(None)
    over["disconnected"] = 1.0
    cancelled["application_instance"].cancel()
    site.application_checker()
    assert len(site.connections) == 4999
    assert "application_instance" not in cancelled


def test_collects_again_after_an_error(site: Server) -> None:
    tune_daphne()
    site.connections = None
    with pytest.raises(AttributeError):
        site.application_checker()
    assert gc.isenabled()


def test_daphne_need_not_ping() -> None:
    """A page that answers us is not silent for as long as Daphne waits."""
    waits = signature(Server).parameters["ping_interval"].default
    assert waits > sockets.PING_EVERY + hub.BEAT_EVERY


def test_without_daphne(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server runs the same asgi.py: nothing of Daphne is loaded for it."""
    of_daphne = ("autobahn", "daphne", ShortTextProtocol.__module__)
    for name in [name for name in sys.modules if name.startswith(of_daphne)]:
        monkeypatch.delitem(sys.modules, name)
    tune_daphne()
    assert not [name for name in sys.modules if name.startswith(of_daphne)]


@pytest.mark.parametrize("path", ["asgi_example.py", "tests/asgi.py"])
def test_the_example_does(path: str) -> None:
    assert "\ntune_daphne()\n" in Path(ROOT, path).read_text(encoding="utf-8")


def test_of_this_process() -> None:
    """The tests' own application has called it."""
    import_module("tests.asgi")
    assert WebSocketFactory.protocol is ShortTextProtocol
