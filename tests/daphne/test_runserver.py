"""Runserver: it uses our server class if the site lists our app, also after a reload."""

from __future__ import annotations

import asyncio
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.daphne.conftest import Server, classes
from tests.daphne.test_serving import OURS, PLAIN
from tests.support.processes import READY_WITHIN, ROOT, Process
from tests.support.sockets import WITHIN

SETTINGS = """
SECRET_KEY = "of a test"
DEBUG = True
INSTALLED_APPS = [{app!r}, "django.contrib.contenttypes", "django.contrib.staticfiles"]
STATIC_URL = "static/"
ASGI_APPLICATION = "site_asgi.application"
LOGGING = {{
    "version": 1,
    "handlers": {{"console": {{"class": "logging.StreamHandler"}}}},
    "loggers": {{"daphne.server": {{"handlers": ["console"], "level": "INFO"}}}},
}}
"""
ASGI = """
from tests.daphne.echo import application as echo

VERSION = {version}


async def application(scope, receive, send):
    if scope["path"] != "/version":
        await echo(scope, receive, send)
        return
    await receive()
    await send({{"type": "websocket.accept"}})
    await send({{"type": "websocket.send", "text": str(VERSION)}})
    await receive()
"""
LISTENING = r"Listening on TCP address 127\.0\.0\.1:(\d+)"


def write(project: Path, version: int) -> None:
    (project / "site_asgi.py").write_text(textwrap.dedent(ASGI.format(version=version)))


@pytest.fixture
def runserver(db: None, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Return a function that starts Django's development server with autoreload: ``process = runserver(app)``."""
    started: list[Process] = []

    def start(app: str, *options: str) -> Process:
        (tmp_path / "site_settings.py").write_text(SETTINGS.format(app=app))
        write(tmp_path, 1)
        environment = {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "site_settings",
        }
        started.append(Process("-m", "django", "runserver", "127.0.0.1:0", *options, cwd=tmp_path, **environment))
        return started[-1]

    yield start
    for process in started:
        process.stop()


async def listening(process: Process, times: int = 1) -> Server:
    """Wait until ``process`` has listened ``times`` times, and return the last address."""
    await asyncio.to_thread(process.wait_for, LISTENING)
    async with asyncio.timeout(READY_WITHIN):
        while len(ports := re.findall(LISTENING, process.output)) < times:
            assert process.popen.poll() is None, process.output
            await asyncio.sleep(0.05)
    return Server(process, int(ports[-1]))


@pytest.mark.parametrize(("app", "expected"), [("djinsight.daphne", OURS), ("daphne", PLAIN)])
async def test_the_server_class(app: str, expected: list[str], runserver: Callable[..., Process]) -> None:
    server = await listening(runserver(app, "--noreload"))
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        assert await classes(socket) == expected


async def test_reloads(runserver: Callable[..., Process], tmp_path: Path) -> None:
    """While a socket is open, a change of a module starts the server again, with our class."""
    process = runserver("djinsight.daphne")
    server = await listening(process)
    async with asyncio.timeout(WITHIN), server.connect("/version") as socket:
        assert await socket.recv() == "1"
        async with server.connect() as other:
            assert await classes(other) == OURS
            with suppress(ConnectionClosed):
                while True:  # the reloader may not have read the old file times yet
                    write(tmp_path, 2)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(other.recv(), 2)
    server = await listening(process, times=2)
    async with asyncio.timeout(WITHIN), server.connect("/version") as socket:
        assert await socket.recv() == "2"
    async with asyncio.timeout(WITHIN), server.connect() as socket:
        assert await classes(socket) == OURS
