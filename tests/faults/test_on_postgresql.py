"""Run the tests of failing workers and of a failing database on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.faults.soak import SOAK
from tests.support.databases import Driver, run_on_postgresql

pytestmark = pytest.mark.once

FILES = ("tests/faults/test_workers.py", "tests/faults/database.py")


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_on_postgresql(driver: Driver) -> None:
    # The test that kills Celery does not depend on the database, and runs elsewhere.
    run_on_postgresql(driver, "-k", "not celery", *FILES, timeout=None if SOAK else 1200)
