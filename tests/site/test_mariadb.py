"""Run the test modules that touch tables on MariaDB, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.databases import BY_DRIVER
from tests.support.mariadb import MariaDB, program
from tests.support.processes import ROOT
from tests.support.servers import cannot_run

# With the tests of killed workers, because the server has to release their locks.
FILES = [*BY_DRIVER, "tests/admin/test_admin.py", "tests/faults/test_workers.py"]


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
