"""Run the tests of ``tests/libraries`` on a site with other packages, in a separate process."""

from __future__ import annotations

import pytest

from tests.support.nested import run_tests

pytestmark = pytest.mark.once


@pytest.mark.long
def test_with_other_packages() -> None:
    run_tests("-p", "no:cacheprovider", "--ds", "tests.libraries_settings", "tests/libraries")
