"""Run the tests of failing workers and of a failing database on PostgreSQL, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.faults.soak import SOAK
from tests.support.postgresql import PostgreSQL, binaries
from tests.support.processes import ROOT
from tests.support.servers import cannot_run

pytestmark = pytest.mark.once

FILES = ("tests/faults/test_workers.py", "tests/faults/database.py")


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_on_postgresql(driver: str) -> None:
    programs = binaries()
    if programs is None:
        cannot_run("no PostgreSQL on this machine")
        return
    with PostgreSQL(programs) as server:
        environment = {
            **os.environ,
            "TEST_DATABASE": "postgresql",
            "TEST_POSTGRESQL_HOST": str(server.host),
            "TEST_DRIVER": driver,
        }
        # The test that kills Celery does not depend on the database, and runs elsewhere.
        command = [sys.executable, "-m", "pytest", "-q", "-k", "not celery", *FILES]
        limit = None if SOAK else 1200
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
