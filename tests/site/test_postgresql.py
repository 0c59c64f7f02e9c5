"""Run the test modules that touch tables on PostgreSQL, with both of its drivers, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.databases import BY_DRIVER, MODULES
from tests.support.postgresql import PostgreSQL, binaries
from tests.support.processes import ROOT
from tests.support.servers import cannot_run


@pytest.mark.long
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
        modules = MODULES if driver == "psycopg" else BY_DRIVER
        command = [sys.executable, "-m", "pytest", "-q", *modules]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
