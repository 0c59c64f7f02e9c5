"""Run the tests of ``tests/cms`` on a site with Wagtail, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nested import run_tests
from tests.support.processes import ROOT

pytestmark = [pytest.mark.once, pytest.mark.wagtail]


@pytest.mark.long
def test_on_wagtail() -> None:
    run_tests("--ds", "tests.wagtail_settings", "tests/cms")


@pytest.mark.parametrize("settings", ["tests.wagtail_settings", "demo.settings"])
def test_the_pages_have_their_migrations(settings: str, tmp_path: Path) -> None:
    """The mixin adds no column to the table of a page type."""
    command = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run", "--settings", settings]
    environment = {**os.environ, "DEMO_CMS": "1", "DEMO_DATA": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
