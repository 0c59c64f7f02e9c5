"""What touches tables, once more on MariaDB: the suite's own modules, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.mariadb import MariaDB, program
from tests.processes import ROOT
from tests.servers import cannot_run
from tests.test_postgresql import BY_DRIVER

# Workers that are killed leave their locks to the server.
FILES = [*(f"tests/{module}.py" for module in BY_DRIVER), "tests/test_admin.py", "tests/faults/test_workers.py"]


@pytest.mark.long
@pytest.mark.mariadb
def test_on_mariadb() -> None:
    server_program = program()
    if server_program is None:
        cannot_run("no MariaDB on this machine")
        return
    with MariaDB(server_program) as server:
        environment = {**os.environ, "TEST_DATABASE": "mariadb", "TEST_MARIADB_SOCKET": server.socket}
        command = [sys.executable, "-m", "pytest", "-q", "-k", "not celery", *FILES]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
