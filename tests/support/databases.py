"""Databases: the test modules that run again on another database or with another driver."""

from __future__ import annotations

from typing import Literal

from tests.support.mariadb import MariaDB, program
from tests.support.nested import run_tests
from tests.support.postgresql import PostgreSQL, binaries
from tests.support.servers import cannot_run

Driver = Literal["psycopg", "psycopg2"]

MODULES = (
    "tests/history/test_persist.py",
    "tests/history/test_cursors.py",
    "tests/history/test_deletion.py",
    "tests/statistics/test_mixin.py",
    "tests/statistics/test_periods.py",
    "tests/history/test_summaries.py",
    "tests/history/test_cleanup.py",
    "tests/history/test_dead_letters.py",
    "tests/upgrade/test_leftovers.py",
    "tests/upgrade/test_tables.py",
    "tests/statistics/test_ranking.py",
    "tests/statistics/test_columns.py",
    "tests/admin/test_admin.py",
    "tests/counting/test_loading.py",
    "tests/counting/test_live_numbers.py",
    "tests/history/test_orphans.py",
    "tests/counting/test_refusals.py",
    "tests/site/test_follow_one_view.py",
    "tests/history/test_corrections.py",
    "tests/tracked/test_object_ids.py",
)

# Drivers and servers differ in their handling of values, locks, upserts, and SQL of columns.
BY_DRIVER = (
    "tests/history/test_persist.py",
    "tests/history/test_cursors.py",
    "tests/history/test_deletion.py",
    "tests/statistics/test_periods.py",
    "tests/history/test_summaries.py",
    "tests/history/test_cleanup.py",
    "tests/history/test_dead_letters.py",
    "tests/statistics/test_ranking.py",
    "tests/statistics/test_columns.py",
    "tests/counting/test_live_numbers.py",
    "tests/counting/test_refusals.py",
    "tests/history/test_corrections.py",
    "tests/tracked/test_object_ids.py",
)


def run_on_postgresql(driver: Driver, *arguments: str, timeout: float | None = 3600) -> None:
    """Run tests on a private PostgreSQL with ``driver``."""
    programs = binaries()
    if programs is None:
        cannot_run("no PostgreSQL on this machine")
        return
    with PostgreSQL(programs) as server:
        run_tests(
            *arguments,
            timeout=timeout,
            TEST_DATABASE="postgresql",
            TEST_POSTGRESQL_HOST=str(server.host),
            TEST_DRIVER=driver,
        )


def run_on_mariadb(*arguments: str) -> None:
    """Run tests on a private MariaDB."""
    server_program = program()
    if server_program is None:
        cannot_run("no MariaDB on this machine")
        return
    with MariaDB(server_program) as server:
        run_tests(*arguments, TEST_DATABASE="mariadb", TEST_MARIADB_SOCKET=server.socket)
