"""Attacking clients: each is closed with its code, memory stays bounded, and other clients are served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from djinsight.live.frames import CloseCode
from tests.faults.raw import Raw, memory, text_frame
from tests.support import processes
from tests.support.sockets import Page, connect_page, view_id

pytestmark = pytest.mark.once

Open = Callable[..., Awaitable[Page]]
Server = tuple[processes.Process, str]

MIB = 1024 * 1024
FLOOD_FOR = 5.0  # seconds
DEFAULT_LIMITS = {"DJINSIGHT_RATE_SOCKET": 100}


@pytest.fixture
async def serve(transactional_db: None) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Return a function that starts Daphne: ``process, host = await serve(constants, **settings)``."""
    started: list[processes.Process] = []

    async def start(constants: dict[str, Any] | None = None, **settings: Any) -> Server:
        process, host = await asyncio.to_thread(
            processes.daphne, "tests.faults.limits:application", constants=constants or {}, **DEFAULT_LIMITS, **settings
        )
        started.append(process)
        return process, host

    yield start
    for process in started:
        await asyncio.to_thread(process.stop)


async def answer(page: Page, wanted: str) -> None:
    """Read frames up to one of the type ``wanted``, and answer pings, as a page does."""
    while (frame := await page.receive())["type"] != wanted:
        if frame["type"] == "ping":
            await page.send({"type": "pong", "n": frame["n"]})


async def views_until(page: Page, token: str, done: asyncio.Event, first: int) -> list[float]:
    """Send views of one page, one by one, until ``done``; return how long each answer took, in seconds."""
    took = []
    while not done.is_set():
        began = time.perf_counter()
        await page.send({"type": "view", "id": view_id(first + len(took)), "token": token})
        await answer(page, "counted")
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)  # the pace of visitors, not of a benchmark
    return took


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"garbage", CloseCode.MISUSE, id="garbage"),
        pytest.param(b'{"type":"pong","n":1}', CloseCode.FLOOD, id="good frames"),
    ],
)
async def test_a_flood_of_frames(
    frame: bytes, code: CloseCode, serve: Callable[..., Awaitable[Server]], view_token: str
) -> None:
    """One client sends as many frames as the server accepts, and reconnects at once when it is closed."""
    process, host = await serve()
    page = await connect_page(host)
    quiet, over = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_later(1.0, quiet.set)
    before = await views_until(page, view_token, quiet, 0)
    had = memory(process.popen.pid)
    block = text_frame(frame) * 2000
    ends = time.monotonic() + FLOOD_FOR

    def flood() -> tuple[list[int], int]:
        """Return the close codes of all connections, and the number of frames that were sent."""
        codes, sent = [], 0
        while time.monotonic() < ends:
            raw = Raw(host)
            try:
                raw.handshake(host)
                while True:
                    raw.send(block)
                    sent += 2000
                    if sent % 20_000 == 0:
                        break
                codes.append(raw.closed())
            except OSError:
                pass  # the server hung up before it read all frames
            finally:
                raw.close()
        return codes, sent

    measured = asyncio.ensure_future(views_until(page, view_token, over, 10_000))
    codes, sent = await asyncio.to_thread(flood)
    over.set()
    during = await measured

    grown = memory(process.popen.pid) - had
    print(
        f"\n{sent:,} frames in {FLOOD_FOR} s, {len(codes)} closes; {grown / MIB:.1f} MiB more; a view took "
        f"{statistics.median(before) * 1000:.1f} ms before, {statistics.median(during) * 1000:.1f} ms meanwhile, "
        f"{max(during) * 1000:.0f} ms at most"
    )
    assert set(codes) == {code}
    assert len(during) > 3  # the other client is served; the printed figures show how fast
    assert grown < 20 * MIB
    await page.close()


@pytest.mark.parametrize("stops", [True, False], ids=["until it is closed", "on and on"])
async def test_a_client_that_never_reads_but_sends(
    stops: bool, serve: Callable[..., Awaitable[Server]], view_token: str, watch_token: str
) -> None:
    """Its answers queue up to a limit. Pongs without reading do not help it, because their numbers are unguessable."""
    constants = {"hub.BEAT_EVERY": 0.2, "sockets.PING_EVERY": 1.0, "sockets.PONG_WITHIN": 6.0}
    process, host = await serve(constants)
    page = await connect_page(host)
    subscribe = text_frame(json.dumps({"type": "subscribe", "tokens": [watch_token]}).encode())
    # A client that stops does so before it is closed. A frame after the close would reset the connection, and the close
    # code would be lost.
    sends_for = 1.0 if stops else 60.0  # seconds

    def send(raw: Raw) -> bool:
        """Send frames, and return whether the server hung up."""
        ends = time.monotonic() + sends_for
        try:
            raw.send(subscribe)
            n = 0
            while time.monotonic() < ends:
                raw.send(text_frame(json.dumps({"type": "view", "id": view_id(n), "token": view_token}).encode()))
                raw.send(text_frame(b'{"type":"pong","n":%d}' % (n % 50)))
                time.sleep(0.025)
                n += 1
        except OSError:
            return True
        return False

    over = asyncio.Event()
    others = asyncio.ensure_future(views_until(page, view_token, over, 10_000))
    with contextlib.closing(Raw(host, receive_buffer=4096)) as raw:
        await asyncio.to_thread(raw.handshake, host)
        had = memory(process.popen.pid)
        hung_up = await asyncio.to_thread(send, raw)
        if stops:
            assert await asyncio.to_thread(raw.closed) in {CloseCode.NO_PONG, CloseCode.SLOW}
        else:
            assert hung_up
    over.set()
    assert await others
    assert memory(process.popen.pid) - had < 20 * MIB
    await page.close()


async def test_clients_that_never_answer_a_ping(serve: Callable[..., Awaitable[Server]], view_token: str) -> None:
    constants = {"hub.BEAT_EVERY": 0.1, "sockets.PING_EVERY": 0.5, "sockets.PONG_WITHIN": 6.0}
    _, host = await serve(constants)
    silent = [await connect_page(host) for _ in range(20)]
    over = asyncio.Event()
    answering = await connect_page(host)
    views = asyncio.ensure_future(views_until(answering, view_token, over, 0))
    assert [await page.closed() for page in silent] == [CloseCode.NO_PONG] * 20
    over.set()
    assert await views
    await answering.close()


async def test_slow_headers(serve: Callable[..., Awaitable[Server]], view_token: str) -> None:
    """Beside hundreds of handshakes that never end, other clients are served."""
    process, host = await serve()
    page = await connect_page(host)
    had = memory(process.popen.pid)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(contextlib.closing(Raw(host))) for _ in range(300)]
        for n in range(20):
            for raw in slow:
                raw.send(b"X-Header-%d: %s\r\n" % (n, b"x" * 100) if n else b"GET /ws/djinsight/ HTTP/1.1\r\n")
            await page.send({"type": "view", "id": view_id(n), "token": view_token})
            await answer(page, "counted")
        newcomer = await connect_page(host)
        await newcomer.send({"type": "view", "id": view_id(99), "token": view_token})
        await answer(newcomer, "counted")
        assert memory(process.popen.pid) - had < 50 * MIB

        # Headers without an end are refused.
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            await asyncio.to_thread(slow[0].send, b"X-More: %s\r\n" % (b"x" * 1000) * 20_000)
    await newcomer.close()
    await page.close()
