"""MariaDB: a private server for the tests, from the machine's binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

STARTS_WITHIN = 60  # seconds
STOPS_WITHIN = 30


class MariaDB:
    """A server that listens on a Unix socket in ``host``, with the user and database ``djinsight``."""

    def __init__(self, program: Path, host: Path | None = None) -> None:
        self.program = program
        # With ``host``, a server that runs already.
        self.host = host or Path(tempfile.mkdtemp(prefix="djinsight-maria-", dir="/tmp"))
        # The server refuses to run as root unless it is given a user, to which it switches.
        self._process: subprocess.Popen[bytes] | None = None
        self.user = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def __enter__(self) -> MariaDB:
        if os.geteuid() == 0:
            shutil.chown(self.host, self.user)
        install = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")
        assert install is not None, "expected mariadb-install-db beside the server"
        self._done(
            install,
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={self.user}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        self.start()
        self.execute("CREATE USER djinsight@localhost; GRANT ALL ON *.* TO djinsight@localhost")
        self.execute("CREATE DATABASE djinsight CHARACTER SET utf8mb4")
        self._load_time_zones()
        return self

    def __exit__(self, *error: object) -> None:
        self.crash()
        shutil.rmtree(self.host, ignore_errors=True)

    @property
    def data(self) -> str:
        return str(self.host / "data")

    @property
    def socket(self) -> str:
        return str(self.host / "socket")

    def start(self) -> None:
        with (self.host / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self.program),
                    "--no-defaults",
                    f"--datadir={self.data}",
                    f"--user={self.user}",
                    f"--socket={self.socket}",
                    f"--pid-file={self.host / 'pid'}",
                    "--skip-networking",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-buffer-pool-size=64M",
                    "--performance-schema=OFF",
                ],
                cwd=self.host,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ends = time.monotonic() + STARTS_WITHIN
        while self._client("--execute", "SELECT 1").returncode != 0:
            assert time.monotonic() < ends, (self.host / "log").read_text(errors="replace")[-3000:]
            time.sleep(0.1)  # only its answer tells that it is ready

    def crash(self) -> None:
        """Stop it at once, without telling its clients, so that the next start recovers its data."""
        pid = int((self.host / "pid").read_text())
        os.kill(pid, 9)
        if self._process is not None:
            self._process.wait(STOPS_WITHIN)
        ends = time.monotonic() + STOPS_WITHIN
        while _runs(pid):
            assert time.monotonic() < ends, "expected MariaDB to be gone after SIGKILL"
            time.sleep(0.05)
        (self.host / "pid").unlink()

    def execute(self, sql: str) -> None:
        done = self._client("--execute", sql)
        assert done.returncode == 0, done.stderr

    def _load_time_zones(self) -> None:
        """Load the time zones that Django's queries by day and month need."""
        program = shutil.which("mariadb-tzinfo-to-sql") or shutil.which("mysql_tzinfo_to_sql")
        assert program is not None, "expected mariadb-tzinfo-to-sql beside the server"
        for zone in ("UTC", "Europe/Prague"):
            command = [program, f"/usr/share/zoneinfo/{zone}", zone]
            sql = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            self.execute(f"USE mysql; {sql}")

    def _client(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        client = shutil.which("mariadb") or shutil.which("mysql")
        assert client is not None, "expected the client mariadb beside the server"
        command = [client, "--no-defaults", "--user=root", f"--socket={self.socket}", *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def _done(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.host, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # a zombie: dead, and not yet waited for


def program() -> Path | None:
    """Return the MariaDB server of this machine, None if there is none."""
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if found:
            return Path(found)
    return None
