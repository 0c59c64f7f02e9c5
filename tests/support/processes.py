"""Processes: servers and workers that tests run on their database and Redis."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 120.0  # seconds; enough for a busy machine
STOP_WITHIN = 60.0  # seconds; then the process is killed


class Process:
    """A process and its output, line by line."""

    def __init__(self, *arguments: str, cwd: Path = ROOT, **environment: str) -> None:
        name = connection.settings_dict["NAME"]
        settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE_NAME": str(name)}
        self.lines: list[str] = []
        self._said = threading.Condition()
        self.popen = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            cwd=cwd,
            env={**os.environ, **settings, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._said.notify_all()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, within: float = READY_WITHIN) -> re.Match[str]:
        """Wait until a line matches ``pattern``."""
        with self._said:
            found = self._said.wait_for(lambda: self._find(pattern) or self.popen.poll() is not None, within)
        match = self._find(pattern)
        assert match is not None, f"expected {pattern!r} ({found=}) but got:\n{self.output}"
        return match

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

    def kill(self) -> int:
        """Send SIGKILL and return the exit status."""
        if self.popen.poll() is None:
            self.popen.kill()
        return self.stop()

    def stop(self) -> int:
        """End the process and return its exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._reader.join(STOP_WITHIN)
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return self.popen.returncode


def daphne(
    application: str = "application",
    options: Sequence[str] = (),
    port: int = 0,
    constants: dict[str, Any] | None = None,
    server: str = "djinsight.daphne",
    **settings: Any,
) -> tuple[Process, str]:
    """Start a Daphne on a free port, with ``settings`` of its own, and return it with its ``host:port``.

    ``constants`` are those of ``tests.faults.limits``. ``server`` is ``daphne`` for plain Daphne.
    """
    endpoint = f"tcp:{port}:interface=127.0.0.1"
    program = f"tests.asgi:{application}" if ":" not in application else application
    own = {"TEST_SETTINGS": json.dumps(settings), "TEST_CONSTANTS": json.dumps(constants or {})}
    process = Process("-m", server, "-v", "1", "-e", endpoint, *options, program, **own)
    try:
        port = process.wait_for(r"Listening on TCP address 127\.0\.0\.1:(\d+)")[1]
    except AssertionError:
        process.stop()
        raise
    return process, f"127.0.0.1:{port}"


def uvicorn(application: str = "application", *options: str, **settings: Any) -> tuple[Process, str]:
    """Start uvicorn on a free port, with ``settings`` of its own, and return it with its ``host:port``."""
    own = {"TEST_SETTINGS": json.dumps(settings)}
    process = Process("-m", "uvicorn", "--port", "0", "--lifespan", "off", *options, f"tests.asgi:{application}", **own)
    try:
        host = process.wait_for(r"running on http://(127\.0\.0\.1:\d+)")[1]
    except AssertionError:
        process.stop()
        raise
    return process, host


def celery_worker() -> Process:
    """Start a Celery worker and return it when it takes tasks."""
    process = Process("-m", "celery", "-A", "tests.celery", "worker", "--pool", "solo", "--loglevel", "INFO")
    try:
        process.wait_for(r"ready\.$")
    except AssertionError:
        process.stop()
        raise
    return process
