"""Proxy: a TCP proxy that can lose answers of a server and cut connections."""

from __future__ import annotations

import asyncio


class Proxy:
    """A proxy between clients and ``target``; in ``async with Proxy(host)`` it listens at ``.host``."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.swallow = b""  # answers are lost on connections whose request contains this,
        self.let_through = 1  # after so many answers, of which the first is the handshake's
        self.swallowed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection, in both directions, without a close frame."""
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Drop all data on the open connections, in both directions, and leave them open."""
        self._silent |= self._writers

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        try:
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        losing = asyncio.Event()
        for task in (
            asyncio.create_task(self._up(reader, up_writer, losing)),
            asyncio.create_task(self._down(up_reader, writer, losing)),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        try:
            while data := await reader.read(65536):
                if self.swallow and self.swallow in data:
                    losing.set()
                if writer in self._silent:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        answers = 0
        try:
            while data := await reader.read(65536):
                answers += 1
                if losing.is_set() and answers > self.let_through:
                    self.swallowed.set()
                    continue
                if writer in self._silent:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
