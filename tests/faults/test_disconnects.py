"""Disconnects: sockets that end at any moment leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer

from djinsight.beacons.beacon import Pong
from djinsight.counting import connections
from djinsight.live import hub
from djinsight.live.consumers import PageViewConsumer
from djinsight.live.hub import Topic
from djinsight.live.sockets import Socket
from djinsight.tracked.refs import ObjectRef
from tests.support.hubs import groups, until
from tests.support.sockets import BROWSER, view_id

pytestmark = pytest.mark.once

ROUNDS, AT_ONCE = 10, 100


class Client:
    """The server's side of one ASGI socket, whose client may be gone while a frame is sent."""

    def __init__(self, n: int) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got = asyncio.Event()
        self.gone = False
        headers = [(b"user-agent", BROWSER.encode()), (b"cookie", f"sessionid=visitor-{n % 50}".encode())]
        scope = {"type": "websocket", "headers": headers, "client": ("192.0.2.1", 5)}
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(PageViewConsumer.as_asgi()(scope, self.inbox.get, self.send))

    async def send(self, message: dict[str, Any]) -> None:
        if self.gone:
            raise ConnectionResetError("the client is gone")
        self.got.set()

    def frame(self, **frame: Any) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})


@pytest.fixture
async def handlers_that_raise(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> AsyncIterator[None]:
    """Make the handling of one frame raise, as with a bug."""
    pong = Socket.pong

    def broken(self: Socket, n: int, now: float) -> None:
        if n == 666:
            raise RuntimeError("a bug")
        pong(self, n, now)

    monkeypatch.setattr(Socket, "pong", broken)
    yield
    await hub.aclose()
    await connections.aclose()


def alive(kind: type) -> int:
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


@pytest.mark.usefixtures("handlers_that_raise")
async def test_a_thousand_disconnects(
    ref: ObjectRef, view_token: str, watch_token: str, redis_client: redis.Redis
) -> None:
    """A third hangs up, a third is gone while frames are sent, and for a third the handler raises."""
    before = {kind: alive(kind) for kind in (Socket, Topic, PageViewConsumer, Pong)}
    local = hub.get()
    sizes, raised = [], 0
    baseline: set[asyncio.Task[Any]] = set()
    for round_ in range(ROUNDS):
        clients = [Client(n) for n in range(AT_ONCE)]
        for n, client in enumerate(clients):
            client.frame(type="subscribe", tokens=[watch_token])
            client.frame(type="view", id=view_id(round_ * AT_ONCE + n), token=view_token)
        await asyncio.gather(*(client.got.wait() for client in clients))
        for n, client in enumerate(clients):
            # Each socket ends with a view in flight and its broadcast on the way.
            client.frame(type="view", id=view_id(1_000_000 + round_ * AT_ONCE + n), token=view_token)
            if n % 3 == 0:
                client.gone = True
            if n % 3 == 1:
                client.frame(type="pong", n=666)
            else:
                client.inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
        ends = await asyncio.gather(*(client.task for client in clients), return_exceptions=True)
        raised += sum(isinstance(end, RuntimeError) for end in ends)
        assert all(end is None or isinstance(end, RuntimeError) for end in ends)
        del clients, client, ends
        await local.recorder.aclose()
        await local.publisher.flush()
        await until(lambda: groups(redis_client) == set())
        if round_ == 1:
            baseline = asyncio.all_tasks()
        sizes.append(len(gc.get_objects()) if alive(Socket) <= before[Socket] else -1)

    assert raised == ROUNDS * len(range(1, AT_ONCE, 3))
    assert local.sockets == set()
    assert local.topics == {}
    # Not zero, because earlier tests may have left objects, as hypothesis does with its examples.
    assert all(alive(kind) <= number for kind, number in before.items())
    layer = get_channel_layer()
    assert layer is not None
    assert layer.groups == {}
    assert len(layer.channels) == 1  # the hub's own
    assert len(asyncio.all_tasks()) <= len(baseline)
    assert min(sizes) > 0
    assert sizes[-1] - sizes[1] < AT_ONCE * 5  # objects; a leak of one for each socket would be 800 and more
    # Every accepted view is in the stream.
    assert redis_client.xlen("djinsight:events") == int(redis_client.get(f"djinsight:counter:{ref}"))
    assert redis_client.xlen("djinsight:events") >= ROUNDS * AT_ONCE
