"""Processes: the servers that are measured, each on the server's core."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from benchmarks import cores

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 60.0  # seconds
STOPS_WITHIN = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Server:
    """A process that listens on ``port`` of 127.0.0.1, and ends with its ``with`` block."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        log: Path,
        core: int = cores.SERVER,
        cwd: Path = ROOT,
        **environment: str,
    ) -> None:
        self.port = port
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: cores.pin(core),
            )
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Server:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"a server does not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def cpu(self) -> float:
        """Return the seconds of processor time that it and its worker processes have used."""
        ticks = 0
        for pid in _with_children(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def memory(self) -> int:
        """Return the bytes of its resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE


def _with_children(pid: int) -> list[int]:
    """Return ``pid`` and the processes that it has started, and so on."""
    found = [pid]
    for each in found:  # grows meanwhile
        for listed in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
                found += map(int, listed.read_text().split())
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def daphne(
    application: str,
    *,
    log: Path,
    core: int = cores.SERVER,
    options: Sequence[str] = (),
    module: str = "djinsight.daphne",
    **env: str,
) -> Server:
    """Start our Daphne server class."""
    port = free_port()
    command = (sys.executable, "-m", module, "-v", "0", "-b", "127.0.0.1", "-p", str(port), *options, application)
    return Server(command, port, log=log, core=core, **env)


def plain_daphne(
    application: str, *, log: Path, core: int = cores.SERVER, options: Sequence[str] = (), **env: str
) -> Server:
    """Start Daphne as it comes."""
    return daphne(application, log=log, core=core, options=options, module="daphne", **env)


def uvicorn(
    application: str, *, log: Path, core: int = cores.SERVER, options: Sequence[str] = (), **env: str
) -> Server:
    port = free_port()
    listen = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--lifespan", "off")
    command = (sys.executable, "-m", "uvicorn", *listen, *options, application)
    return Server(command, port, log=log, core=core, **env)
