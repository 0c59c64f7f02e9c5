"""Sending to one socket: order, conflation, and a client that does not read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from djinsight.live import eager, frames, sockets
from djinsight.live.frames import CloseCode
from djinsight.live.sockets import MAX_WAITING, Socket
from djinsight.tracked.refs import ObjectRef
from tests.support.loop_iterations import settled

ONE, OTHER = ObjectRef("blog", "article", "1"), ObjectRef("blog", "article", "2")


class Client:
    """A client that reads while ``reads`` is set."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone: Exception | None = None

    async def send(self, message: dict[str, Any]) -> None:
        if self.gone:
            raise self.gone
        if message["type"] == "websocket.send":
            await self.reads.wait()
        self.got.append(message)

    def texts(self) -> list[str]:
        return [message["text"] for message in self.got if message["type"] == "websocket.send"]

    def pings(self) -> list[int]:
        sent = map(json.loads, self.texts())
        return [frame["n"] for frame in sent if frame["type"] == "ping"]


def open_socket(client: Client) -> Socket:
    return Socket(client.send, None, asyncio.get_running_loop().time())


def push(socket: Socket, **totals: int) -> None:
    names = {"one": ONE, "other": OTHER}
    counters = {names[name]: json.dumps({"ref": str(names[name]), "total_views": n}) for name, n in totals.items()}
    socket.push(counters, frames.counters(counters.values()))


async def test_frames_go_out_in_order() -> None:
    client = Client()
    socket = open_socket(client)
    for n in range(5):
        socket.write(str(n))
    await settled()
    assert client.texts() == ["0", "1", "2", "3", "4"]


async def test_a_slow_client_gets_every_answer_and_the_newest_counters() -> None:
    client = Client()
    socket = open_socket(client)
    client.reads.clear()
    socket.write("first")
    await settled()
    for n in range(1, 50):
        push(socket, one=n, other=2 * n)
    socket.write("second")
    client.reads.set()
    await settled()
    first, second, counters = client.texts()
    assert (first, second) == ("first", "second")
    assert [each["total_views"] for each in json.loads(counters)["counters"]] == [49, 98]


async def test_a_client_that_never_reads_is_closed() -> None:
    client = Client()
    socket = open_socket(client)
    client.reads.clear()
    for n in range(MAX_WAITING + 2):
        assert not socket.closed
        socket.write(str(n))
        await settled()
    assert socket.closed
    await settled()
    assert client.got == [{"type": "websocket.close", "code": CloseCode.SLOW}]
    socket.write("more")
    push(socket, one=1)
    await settled()
    assert client.texts() == []


async def test_a_server_without_back_pressure_keeps_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server accepts every frame at once, so only a pong proves that the client has read."""
    monkeypatch.setattr(sockets, "MAX_UNREAD", 1000)
    client = Client()
    socket = open_socket(client)
    for n in range(100):
        push(socket, one=n)
        await settled(3)
    (ping,) = client.pings()
    assert sum(map(len, client.texts())) < 1200
    taken = len(client.texts())

    socket.pong(ping, 0.0)
    await settled()
    newest = json.loads(client.texts()[taken])
    assert [each["total_views"] for each in newest["counters"]] == [99]  # newer values have replaced those in between

    for n in range(MAX_WAITING + 100):
        socket.write(json.dumps({"type": "counted", "id": n}))
        await settled(3)
    assert client.got[-1] == {"type": "websocket.close", "code": CloseCode.SLOW}
    assert sum(map(len, client.texts())) < 2400


async def test_who_reads_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_UNREAD", 1000)
    client = Client()
    socket = open_socket(client)
    answered = 0
    for n in range(500):
        socket.write(json.dumps({"type": "counted", "id": n}))
        await settled(3)
        for ping in client.pings()[answered:]:
            socket.pong(ping, 0.0)
            answered += 1
            await settled(3)
    got = [frame["id"] for frame in map(json.loads, client.texts()) if frame["type"] == "counted"]
    assert got == list(range(500))
    assert answered > 10


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("already closed")])
async def test_a_client_that_is_gone(error: Exception) -> None:
    client = Client()
    client.gone = error
    socket = open_socket(client)
    socket.write("anything")
    await settled()
    assert socket.closed
    socket.close(CloseCode.SLOW)
    await settled()
    assert client.got == []


async def test_the_owner_ends_with_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LINGER", 0.01)
    client = Client()
    owner = asyncio.ensure_future(asyncio.Event().wait())
    socket = Socket(client.send, owner, 0.0)
    socket.close(CloseCode.MISUSE)
    with pytest.raises(asyncio.CancelledError):
        await owner
    assert client.got == [{"type": "websocket.close", "code": CloseCode.MISUSE}]


async def test_beats() -> None:
    client = Client()
    socket = Socket(client.send, None, 0.0)
    socket.beat(sockets.PING_EVERY)
    await settled()
    assert client.texts() == []
    socket.beat(sockets.PING_EVERY + 1)
    socket.beat(sockets.PING_EVERY + 2)
    await settled()
    (first,) = client.pings()
    socket.pong(first ^ 1, 30.0)  # a wrong number
    socket.pong(first, 40.0)
    socket.beat(41.0 + sockets.PING_EVERY)
    await settled()
    assert client.pings()[0] == first
    assert len(client.pings()) == 2
    socket.pong(first, 42.0)  # the number of the previous ping
    socket.beat(41.0 + sockets.PING_EVERY + sockets.PONG_WITHIN)
    assert not socket.closed
    socket.beat(42.0 + sockets.PING_EVERY + sockets.PONG_WITHIN)
    assert socket.closed


async def test_no_task_is_left() -> None:
    client = Client()
    socket = open_socket(client)
    for n in range(10):
        socket.write(str(n))
    await settled()
    assert not eager._tasks
