"""What touches tables, once more on PostgreSQL: the suite's own modules, in a process of its own."""

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
    "test_refusals",
    "test_follow_one_view",
)


@pytest.mark.postgresql
def test_on_postgresql() -> None:
    programs = binaries()
    if programs is None:
        cannot_run("no PostgreSQL on this machine")
        return
    with PostgreSQL(programs) as server:
        environment = {**os.environ, "TEST_DATABASE": "postgresql", "TEST_POSTGRESQL_HOST": str(server.host)}
        command = [sys.executable, "-m", "pytest", "-q", *(f"tests/{module}.py" for module in MODULES)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
