"""A proxy before PostgreSQL that cuts the connection at a COMMIT, before the server has it or before it answers."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path

from tests.support.loop_iterations import settled

SOCKET = ".s.PGSQL.5432"
MARK = b"djinsight_pageviewlog"  # in the SQL of transactions that write views


class CommitCutter:
    """Serves PostgreSQL at ``cutter.host`` within ``with CommitCutter(...) as cutter``, and cuts ``cuts`` times."""

    def __init__(self, target: Path, when: str, cuts: int) -> None:
        self.target = target
        self.when = when  # "before" or "after" the server has it
        self.left = cuts
        self.host = Path(tempfile.mkdtemp(prefix="djinsight-cut-", dir="/tmp"))
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()], daemon=True)

    def __enter__(self) -> CommitCutter:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()
        (self.host / SOCKET).unlink(missing_ok=True)
        self.host.rmdir()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_unix_server(self._connected, self.host / SOCKET)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await settled()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self.target / SOCKET)
        self._writers |= {writer, up_writer}
        cut = asyncio.Event()

        async def up() -> None:
            said = b""
            try:
                while data := await reader.read(65536):
                    said += data
                    if b"COMMIT" in data:
                        if MARK in said and self.left > 0:
                            self.left -= 1
                            cut.set()
                            if self.when == "before":
                                break
                        said = b""
                    up_writer.write(data)
                    await up_writer.drain()
            except OSError:
                pass
            finally:
                up_writer.close()  # a transaction that stays open would keep its locks

        async def down() -> None:
            try:
                while data := await up_reader.read(65536):
                    if cut.is_set():
                        break  # this is the server's answer to COMMIT, so it has committed
                    writer.write(data)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.transport.abort()

        for pump in (up(), down()):
            task = asyncio.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
