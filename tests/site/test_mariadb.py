"""Run the test modules that touch tables on MariaDB."""

from __future__ import annotations

import pytest

from tests.support.databases import BY_DRIVER, run_on_mariadb

# With the tests of killed workers, because the server has to release their locks.
FILES = (*BY_DRIVER, "tests/admin/test_admin.py", "tests/faults/test_workers.py")


@pytest.mark.long
@pytest.mark.mariadb
def test_on_mariadb() -> None:
    run_on_mariadb("-k", "not celery", *FILES)
