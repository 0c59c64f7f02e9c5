"""A private PostgreSQL for the tests, from the machine's binaries."""

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
    """A server that listens on a Unix socket in ``host`` and knows the role and database ``djinsight``."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.host = Path(tempfile.mkdtemp(prefix="djinsight-pg-", dir="/tmp"))
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.host, self.user)

    def __enter__(self) -> PostgreSQL:
        data = str(self.host / "data")
        self._run("initdb", "-D", data, "-U", "djinsight", "-A", "trust", "-E", "UTF8", "--locale", "C", "-N")
        options = f"-k {self.host} -c listen_addresses='' -c fsync=off -c max_connections=60"
        log = str(self.host / "log")
        self._run("pg_ctl", "-D", data, "-w", "-t", str(STARTS_WITHIN), "-l", log, "-o", options, "start")
        self._run("createdb", "-h", str(self.host), "-U", "djinsight", "djinsight")
        return self

    def __exit__(self, *error: object) -> None:
        self._run("pg_ctl", "-D", str(self.host / "data"), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.host, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self.binaries / program), *arguments)
        if os.geteuid() == 0:
            command = ("runuser", "-u", self.user, "--", *command)
        done = subprocess.run(command, cwd=self.host, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        # Its server inherits the pipes' other ends otherwise, and is waited for.
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def binaries() -> Path | None:
    """Where the newest PostgreSQL of this machine is, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parent.parent.name))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None
