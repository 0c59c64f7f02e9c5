"""PostgreSQL: a private server for the tests, from the machine's binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

STARTS_WITHIN = 60  # seconds


class PostgreSQL:
    """A server that listens on a Unix socket in ``host``, with the role and database ``djinsight``."""

    def __init__(self, binaries: Path, host: Path | None = None) -> None:
        self.binaries = binaries
        # With ``host``, a server that runs already.
        self.host = host or Path(tempfile.mkdtemp(prefix="djinsight-pg-", dir="/tmp"))
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def __enter__(self) -> PostgreSQL:
        if os.geteuid() == 0:
            shutil.chown(self.host, self.user)
        self._run("initdb", "-D", self.data, "-U", "djinsight", "-A", "trust", "-E", "UTF8", "--locale", "C", "-N")
        self.start()
        self._run("createdb", "-h", str(self.host), "-U", "djinsight", "djinsight")
        return self

    def __exit__(self, *error: object) -> None:
        self.crash()
        shutil.rmtree(self.host, ignore_errors=True)

    @property
    def data(self) -> str:
        return str(self.host / "data")

    def start(self) -> None:
        options = f"-k {self.host} -c listen_addresses='' -c fsync=off -c max_connections=60"
        log = str(self.host / "log")
        self._run("pg_ctl", "-D", self.data, "-w", "-t", str(STARTS_WITHIN), "-l", log, "-o", options, "start")

    def crash(self) -> None:
        """Stop it at once, without telling its clients, so that the next start recovers its data."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self.binaries / program), *arguments)
        if os.geteuid() == 0:
            command = ("runuser", "-u", self.user, "--", *command)
        done = subprocess.run(command, cwd=self.host, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        # If pg_ctl started it, the server would inherit the pipes, and run() would wait for it.
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def binaries() -> Path | None:
    """Return the folder of this machine's newest PostgreSQL, None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parent.parent.name))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None
