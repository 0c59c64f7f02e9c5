"""Run the tests of ``tests/cms`` on a site with Wagtail, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

pytestmark = [pytest.mark.once, pytest.mark.wagtail]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=3600,
    )


@pytest.mark.long
def test_on_wagtail() -> None:
    done = run("pytest", "-q", "--ds", "tests.wagtail_settings", "tests/cms")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize("settings", ["tests.wagtail_settings", "demo.settings"])
def test_the_pages_have_their_migrations(settings: str, tmp_path: Path) -> None:
    """The mixin adds no column to the table of a page type."""
    environment = {"DEMO_CMS": "1", "DEMO_DATA": str(tmp_path)}
    done = run("django", "makemigrations", "--check", "--dry-run", "--settings", settings, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
