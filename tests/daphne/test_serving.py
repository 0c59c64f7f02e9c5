"""Serving: a real server of our class with sockets, uploads and downloads, with and without TLS, and a flood."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.daphne.conftest import Server, classes
from tests.daphne.echo import BLOCK, CANCELLED
from tests.faults.raw import text_frame
from tests.support.processes import Process
from tests.support.sockets import WITHIN
from tests.support.websocket_ends import HANDSHAKE

BLOCKS = 100  # of 1 MiB each
OURS = [
    "djinsight.daphne.server.Server",
    "djinsight.daphne.websocket.ShortTextProtocol",
    "djinsight.daphne.transport.WebSocketServer",
]
PLAIN = ["daphne.server.Server", "daphne.ws_protocol.WebSocketProtocol", "twisted.internet.tcp.Server"]


async def test_serves_with_our_classes(server: Server) -> None:
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        assert await classes(socket) == OURS


async def test_frames_of_every_kind(server: Server) -> None:
    """The echoes equal the frames and keep their order, on the fast path and through autobahn."""
    texts = ["a", "a" * 125, "a" * 126, "ü" * 100, "a" * 4096, "a" * 4097, "a" * 70_000, "b"]
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        for frame in [*texts, *(text.encode() for text in texts)]:
            await socket.send(frame)
        await socket.send(["in ", "three ", "parts"])
        pong = await socket.ping()
        for frame in [*texts, *(text.encode() for text in texts), "in three parts"]:
            assert await socket.recv() == frame
        await pong
        await socket.close(4321, "good bye")
    assert socket.close_code == 1000


@pytest.mark.parametrize("upload", [True, False])
async def test_other_requests_beside_sockets(upload: bool, server: Server) -> None:
    """100 MiB arrive unchanged, and the server answers sockets during the transfer."""
    over = asyncio.Event()
    echoing = [asyncio.ensure_future(echoes(server, number, over)) for number in range(3)]
    try:
        async with asyncio.timeout(4 * WITHIN):
            if upload:
                assert await uploaded(server) == await uploaded(server, again=True)
            else:
                assert await downloaded(server) == hashlib.sha256(BLOCK * BLOCKS).hexdigest()
    finally:
        over.set()
    async with asyncio.timeout(WITHIN):
        assert all(number > 0 for number in await asyncio.gather(*echoing))


async def echoes(server: Server, number: int, over: asyncio.Event) -> int:
    """Send text frames one after the other until ``over``, and return the number of echoes."""
    sent = 0
    async with server.connect() as socket:
        while not over.is_set() or not sent:
            text = f"text {sent} of {number}"
            await socket.send(text)
            assert await socket.recv() == text
            sent += 1
    return sent


async def uploaded(server: Server, again: bool = False) -> str:
    """Send ``BLOCKS`` different blocks, and return the digest that the server computes; it must equal ours."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=server.tls)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (BLOCKS * len(BLOCK)))
    digest = hashlib.sha256()
    for n in range(BLOCKS):
        block = bytes([n]) + BLOCK[1:]
        digest.update(block)
        writer.write(block)
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    answer = (await reader.readexactly(64)).decode()
    assert answer == digest.hexdigest()
    writer.close()
    await writer.wait_closed()
    return answer


async def downloaded(server: Server) -> str:
    """Return the digest of ``BLOCKS`` blocks from the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=server.tls)
    writer.write(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % BLOCKS)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    digest = hashlib.sha256()
    for _ in range(BLOCKS):
        digest.update(await reader.readexactly(len(BLOCK)))
    writer.close()
    await writer.wait_closed()
    return digest.hexdigest()


async def test_a_unix_socket(serve: Callable[..., Server], tmp_path: Path) -> None:
    async with asyncio.timeout(WITHIN), serve(endpoint=f"unix:{tmp_path}/socket").connect() as socket:
        assert await classes(socket) == OURS
        await socket.send("a" * 70_000)
        assert await socket.recv() == "a" * 70_000


@pytest.mark.parametrize("module", ["djinsight.daphne", "daphne"])
async def test_a_flood_does_not_come_first(module: str, serve: Callable[..., Server], tmp_path: Path) -> None:
    """One client's 30,000 bytes of frames wait at the server, then another client's frame, which is not read last.

    Plain Daphne reads the other frames first, which shows that this test can fail.
    """
    server, pipe = serve(module=module), tmp_path / "pipe"
    os.mkfifo(pipe)
    frame = text_frame(b"a")
    number = 30_000 // len(frame)
    async with (
        asyncio.timeout(WITHIN),
        server.connect("/among") as other,
        server.connect(f"/hold?{pipe}") as holding,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.transport.set_write_buffer_limits(0)  # so that drain() waits until the kernel has taken all
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        await holding.send("hold")
        held = await asyncio.to_thread(pipe.open, "wb")  # returns when the server has opened it, too
        writer.write(frame * number)
        await writer.drain()
        await other.send("how many came before?")
        held.close()
        before = int(await other.recv())
        writer.close()
    if module == "daphne":
        assert before == number
    else:
        assert before < number / 10


async def test_a_flood_is_read_whole(serve: Callable[..., Server]) -> None:
    """Reading in small parts loses nothing: all frames of a client arrive, in order."""
    server = serve()
    frames = [f"{n} {'x' * (n % 300)}" for n in range(20_000)]
    async with asyncio.timeout(WITHIN), server.connect() as socket:

        async def send() -> None:
            for frame in frames:
                await socket.send(frame)

        sending = asyncio.ensure_future(send())
        for frame in frames:
            assert await socket.recv() == frame
        await sending


async def test_sigterm(serve: Callable[..., Server]) -> None:
    """Applications are cancelled, also for a socket that has just opened, and the process ends normally."""
    server = serve()
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        status = await asyncio.to_thread(server.process.stop)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert status == 0
    assert CANCELLED in server.process.lines


async def test_an_untested_version(serve: Callable[..., Server], tmp_path: Path) -> None:
    """Plain Daphne serves, with one warning."""
    packages = tmp_path / "packages"
    (packages / "autobahn-99.1.dist-info").mkdir(parents=True)
    (packages / "autobahn-99.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: autobahn\nVersion: 99.1\n"
    )
    server = serve(PYTHONPATH=os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]))
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        assert await classes(socket) == [OURS[0], *PLAIN[1:]]
        await socket.send("hello")
        assert await socket.recv() == "hello"
    warnings = [line for line in server.process.lines if "WARNING" in line]
    assert len(warnings) == 1
    assert "autobahn 99.1 (tested: 22.4.2 to below 27)" in warnings[0]


def test_an_option_that_daphne_does_not_know(db: None) -> None:
    process = Process("-m", "djinsight.daphne", "--no-such-option", "tests.daphne.echo:application")
    process.wait_for("usage: ")
    assert process.popen.wait(WITHIN) == 2
    process.stop()
