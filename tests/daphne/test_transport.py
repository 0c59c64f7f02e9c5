"""Transport and outbox: writes go out after one loop iteration, and all else is as with plain Daphne."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar
from errno import ENOSPC
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.python.failure import Failure

from djinsight.daphne import transport
from djinsight.daphne.outbox import Outbox
from djinsight.daphne.transport import READ_SIZE, Transport
from djinsight.daphne.websocket import ShortTextProtocol
from tests.support.loop_iterations import settled
from tests.support.sockets import WITHIN
from tests.support.websocket_ends import Side
from tests.support.websocket_ends import Transport as TransportOfSides

MUCH = bytes(range(256)) * 32_768  # 8 MiB: more than the kernel takes if the client does not read


class Ended(Protocol):
    """A protocol that keeps the reason for the end of its connection."""

    def __init__(self) -> None:
        self.why: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.why.set_result(reason)


class Connection(Transport):
    logstr = "a connection"

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 1)

    getHost = getPeer


class Pair:
    """Both ends of a connection. The server's end writes by an outbox."""

    def __init__(self, reactor: Any, outbox: Outbox | None = None) -> None:
        ours, self.client = socket.socketpair()
        ours.setblocking(False)
        self.client.setblocking(False)
        self.protocol = Ended()
        self.reactor = reactor
        self.connection = Connection(ours, self.protocol, reactor)
        self.connection.connected = 1
        self.protocol.makeConnection(self.connection)
        self.connection.startReading()
        if outbox:
            self.connection.write_by(outbox)

    def waits_for_epoll(self) -> bool:
        return self.connection in self.reactor.getWriters()

    def is_there(self) -> bytes:
        """Return the bytes that the client can read now."""
        try:
            return self.client.recv(1024)
        except BlockingIOError:
            return b""

    async def read(self, number: int) -> bytes:
        data = bytearray()
        while len(data) < number:
            part = await self.received()
            assert part, f"expected {number} bytes but the connection ended after {len(data)}"
            data += part
        return bytes(data)

    async def received(self) -> bytes:
        async with asyncio.timeout(WITHIN):
            return await asyncio.get_running_loop().sock_recv(self.client, 1 << 20)

    async def ends(self) -> Failure:
        async with asyncio.timeout(WITHIN):
            why: Failure = await self.protocol.why
            return why


@pytest.fixture
async def reactor() -> Any:
    reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
    yield reactor
    for each in reactor.removeAll():
        each.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox(asyncio.get_running_loop())


@pytest.fixture
async def pair(reactor: AsyncioSelectorReactor, outbox: Outbox) -> Any:
    pair = Pair(reactor, outbox)
    with closing(pair.client):
        yield pair


async def test_after_a_turn_of_the_loop(pair: Pair) -> None:
    pair.connection.write(b"one ")
    pair.connection.write(b"and another")
    assert not pair.waits_for_epoll()
    assert pair.is_there() == b""
    await settled(1)
    assert pair.is_there() == b"one and another"
    assert not pair.waits_for_epoll()
    pair.connection.write(b", later")
    await settled(1)
    assert pair.is_there() == b", later"


async def test_without_it_epoll_is_asked_each_time(reactor: AsyncioSelectorReactor) -> None:
    """Without the outbox epoll is called for each write, which shows that the tests above can fail."""
    pair = Pair(reactor)
    with closing(pair.client):
        pair.connection.write(b"one")
        assert pair.waits_for_epoll()
        assert await pair.read(3) == b"one"


async def test_a_client_that_does_not_read(pair: Pair) -> None:
    pair.connection.write(MUCH)
    await settled(1)
    assert pair.waits_for_epoll()
    pair.connection.write(b"the end")
    await settled(1)
    assert await pair.read(len(MUCH) + 7) == MUCH + b"the end"
    assert not pair.waits_for_epoll()
    pair.connection.write(b"and again")
    await settled(1)
    assert pair.is_there() == b"and again"


async def test_closed_after_the_last_word(pair: Pair) -> None:
    pair.connection.write(b"good bye")
    pair.connection.loseConnection()
    assert await pair.read(8) == b"good bye"
    assert await pair.received() == b""
    assert (await pair.ends()).check(ConnectionDone)


async def test_closed_with_the_last_word_that_the_kernel_takes(pair: Pair) -> None:
    """With epoll the connection would close only when the client reads."""
    pair.connection.write(MUCH[:100_000])
    pair.connection.loseConnection()
    assert (await pair.ends()).check(ConnectionDone)


async def test_a_client_that_does_not_read_is_not_tried_each_time(pair: Pair) -> None:
    pair.connection.write(MUCH)
    await settled(1)
    tries: list[None] = []
    pair.connection.doWrite = lambda: tries.append(None)
    pair.connection.write(b"more")
    await settled(1)
    assert not tries
    assert pair.waits_for_epoll()


async def test_what_is_written_while_it_writes(pair: Pair) -> None:
    class Producer:
        left = 3

        def resumeProducing(self) -> None:
            self.left -= 1
            if self.left < 0:
                pair.connection.unregisterProducer()
            else:
                pair.connection.write(b"a part ")

        def stopProducing(self) -> None: ...

    pair.connection.registerProducer(Producer(), False)
    assert await pair.read(21) == b"a part " * 3


async def test_in_nobodys_context(pair: Pair) -> None:
    """A context variable that one writer sets is not seen by the other writers of the batch."""
    who = ContextVar("who", default="nobody")
    said = asyncio.get_running_loop().create_future()
    pair.connection.doWrite = lambda: said.set_result(who.get())

    async def somebody() -> None:
        who.set("somebody")
        pair.connection.write(b"hello")

    await asyncio.create_task(somebody())
    assert await said == "nobody"


async def test_closed_while_the_client_does_not_read(pair: Pair) -> None:
    pair.connection.write(MUCH)
    await settled(1)
    pair.connection.loseConnection()
    assert await pair.read(len(MUCH)) == MUCH
    assert (await pair.ends()).check(ConnectionDone)


async def test_aborted_before_it_is_written(pair: Pair) -> None:
    pair.connection.write(b"never mind")
    pair.connection.abortConnection()
    await pair.ends()
    await settled(1)
    assert pair.is_there() == b""


async def test_a_client_that_is_gone(pair: Pair) -> None:
    pair.connection.stopReading()  # so that only a write finds the end
    pair.client.close()
    pair.connection.write(b"anybody there?")
    assert (await pair.ends()).check(ConnectionLost)


async def test_lost_before_it_is_written(
    pair: Pair, reactor: AsyncioSelectorReactor, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    other = Pair(reactor, outbox)
    with closing(other.client):
        pair.connection.write(b"anybody there?")
        other.connection.write(b"yes")
        pair.connection.connectionLost(Failure(ConnectionLost()))
        await settled(1)
        assert other.is_there() == b"yes"
        assert not caplog.records
        assert not pair.waits_for_epoll()


async def test_one_that_fails_does_not_stop_the_others(
    pair: Pair, reactor: AsyncioSelectorReactor, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Exception):
        pass

    def broken() -> None:
        raise Broken

    other = Pair(reactor, outbox)
    with closing(other.client):
        pair.connection.doWrite = broken
        pair.connection.write(b"one")
        other.connection.write(b"another")
        await settled(1)
        assert other.is_there() == b"another"
        assert (await pair.ends()).check(Broken)
        assert [record.name for record in caplog.records] == ["djinsight.daphne"]


async def test_one_that_epoll_does_not_take_does_not_stop_the_others(
    pair: Pair, reactor: AsyncioSelectorReactor, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(writer: Any) -> None:
        raise OSError(ENOSPC, "too many are watched")

    other = Pair(reactor, outbox)
    with closing(other.client):
        monkeypatch.setattr(reactor, "addWriter", full)
        pair.connection.write(MUCH)
        other.connection.write(b"another")
        await settled(1)
        assert other.is_there() == b"another"


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_one_that_is_over_is_forgotten(
    reactor: AsyncioSelectorReactor, outbox: Outbox, no_collector: None
) -> None:
    """Reference counting frees it, without the collector, even if it had something to write."""
    pair = Pair(reactor, outbox)
    with closing(pair.client):
        connection = weakref.ref(pair.connection)
        pair.connection.write(b"one")
        pair.connection.connectionLost(Failure(ConnectionLost()))
        await settled(1)
        del pair.connection, pair.protocol
        assert connection() is None


async def test_a_connection_reads_as_twisted_does_until_it_is_a_websocket(reactor: AsyncioSelectorReactor) -> None:
    pair = Pair(reactor)
    with closing(pair.client):
        assert pair.connection.bufferSize == tcp.Connection.bufferSize >= 65_536
        pair.connection.read_fairly()
        assert pair.connection.bufferSize == READ_SIZE <= 4096
        assert tcp.Connection.bufferSize >= 65_536


async def test_a_websocket(reactor: AsyncioSelectorReactor) -> None:
    pair = Pair(reactor)
    with closing(pair.client):
        side = Side(ShortTextProtocol, transport=pair.connection)
        assert (await pair.read(12)).startswith(b"HTTP/1.1 101")
        assert pair.connection.bufferSize == READ_SIZE
        side.protocol.handle_reply({"type": "websocket.send", "text": "hello"})
        assert not pair.waits_for_epoll()
        await settled(1)
        assert pair.is_there().endswith(b"\x81\x05hello")
        side.protocol.connectionLost(Failure(ConnectionDone()))
        assert [message["type"] for message in side.received()] == ["websocket.disconnect"]


async def test_a_websocket_under_tls(reactor: AsyncioSelectorReactor) -> None:
    """With TLS the connection is below TLS's own transport."""
    pair = Pair(reactor)
    with closing(pair.client):
        above = TransportOfSides()
        above.transport = pair.connection  # type: ignore[attr-defined]
        Side(ShortTextProtocol, transport=above)
        assert pair.connection.bufferSize == READ_SIZE
        assert pair.connection.outbox is not None


async def test_a_websocket_of_plain_daphne(reactor: AsyncioSelectorReactor) -> None:
    pair = Pair(reactor)
    with closing(pair.client):
        Side(WebSocketProtocol, transport=pair.connection)
        assert pair.connection.outbox is None
        assert pair.connection.bufferSize == tcp.Connection.bufferSize


@pytest.mark.parametrize(("kind", "address"), [(tcp.Port, 0), (unix.Port, "/nowhere")])
def test_a_port(kind: type[tcp.Port], address: Any) -> None:
    """Connections of the port are a ``Transport``, and still instances of the class that the port had."""
    before, port = kind.transport, kind(address, Factory(), reactor=MemoryReactor())
    transport.use(port)
    assert issubclass(port.transport, Transport)
    assert issubclass(port.transport, before)
    assert port.transport.__mro__.index(Transport) < port.transport.__mro__.index(before)
    assert kind.transport is before


def test_a_port_with_connections_of_another_kind() -> None:
    class Port:
        transport = StringTransport

    port = Port()
    transport.use(port)
    assert vars(port) == {}
    transport.use(object())


def test_a_transport_of_another_kind() -> None:
    assert transport.of(StringTransport()) is None
