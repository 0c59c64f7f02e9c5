"""Other servers: a site under plain Daphne or another ASGI server counts and pushes, too."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.processes import READY_WITHIN, ROOT, Process
from tests.support.sockets import view_id

PROGRAM = "tests.asgi:application"
SERVERS = {
    "daphne": ("daphne", "-b", "127.0.0.1", "-p", "{port}", PROGRAM),
    "uvicorn": ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--lifespan", "off", PROGRAM),
}


@pytest.fixture
def serve(transactional_db: None) -> Iterator[Callable[[str], tuple[Process, int]]]:
    """Return a function that starts one of ``SERVERS``: ``process, port = serve(name)``. It may not listen yet."""
    started: list[Process] = []

    def start(name: str) -> tuple[Process, int]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        started.append(Process("-m", *(part.format(port=port) for part in SERVERS[name])))
        return started[-1], port

    yield start
    for process in started:
        process.stop()


async def listening(process: Process, port: int) -> str:
    """Wait until ``process`` takes connections, and return its address."""
    async with asyncio.timeout(READY_WITHIN):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                assert process.popen.poll() is None, process.output
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return f"127.0.0.1:{port}"


@pytest.mark.parametrize("name", SERVERS)
async def test_counts_and_pushes(
    name: str,
    serve: Callable[[str], tuple[Process, int]],
    connect: Callable[..., Any],
    view_token: str,
    watch_token: str,
) -> None:
    host = await listening(*serve(name))
    watching, viewing = await connect(host), await connect(host)
    await watching.subscribe(watch_token)
    assert await viewing.view(view_token, view_id()) == {"type": "counted", "id": view_id(), "unique": True}
    assert (await watching.counter(1))["total_views"] == 1


@pytest.mark.parametrize("module", ["asgi_example", "tests.asgi"])
def test_an_application_loads_nothing_of_the_server_class(module: str) -> None:
    code = f"import sys, {module}; print([name for name in sys.modules if name.startswith('djinsight.daphne')])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
