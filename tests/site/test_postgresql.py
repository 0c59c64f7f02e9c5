"""Run the test modules that touch tables on PostgreSQL, with both of its drivers."""

from __future__ import annotations

import pytest

from tests.support.databases import BY_DRIVER, MODULES, run_on_postgresql


@pytest.mark.long
@pytest.mark.postgresql
def test_on_postgresql() -> None:
    run_on_postgresql("psycopg", *MODULES)


@pytest.mark.long
@pytest.mark.postgresql
def test_with_psycopg2() -> None:
    run_on_postgresql("psycopg2", *BY_DRIVER)
