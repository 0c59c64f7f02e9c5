"""Run the tests of ``tests/libraries`` on a site with other packages, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.once


@pytest.mark.long
def test_with_other_packages() -> None:
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds", "tests.libraries_settings", "tests/libraries"]
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
