"""What touches tables, once more on PostgreSQL, with both of its drivers: the suite's own modules, in a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.postgresql import PostgreSQL, binaries
from tests.processes import ROOT
from tests.servers import cannot_run

MODULES = (
    "test_persist",
    "test_cursors",
    "test_deletion",
    "test_mixin",
    "test_periods",
    "test_summaries",
    "test_cleanup",
    "test_deadletters",
    "test_older",
    "test_upgrade",
    "test_ranking",
    "test_columns",
    "test_admin",
    "test_counters",
    "test_totals",
    "test_orphans",
    "test_refusals",
    "test_follow_one_view",
    "test_corrections",
    "test_object_ids",
)

# What another driver or another server may do in a way of its own: values in and out, locks, upserts, SQL of columns.
BY_DRIVER = (
    "test_persist",
    "test_cursors",
    "test_deletion",
    "test_periods",
    "test_summaries",
    "test_cleanup",
    "test_deadletters",
    "test_ranking",
    "test_columns",
    "test_totals",
    "test_refusals",
    "test_corrections",
    "test_object_ids",
)


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
        command = [sys.executable, "-m", "pytest", "-q", *(f"tests/{module}.py" for module in modules)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
