"""The tests of ``tests/cms``, on a site with Wagtail, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_on_wagtail() -> None:
    done = run("pytest", "-q", "--ds", "tests.wagtail_settings", "tests/cms")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_pages_have_their_migrations() -> None:
    """The mixin adds nothing to the tables of a page type."""
    done = run("django", "makemigrations", "--check", "--dry-run", "--settings", "tests.wagtail_settings")
    assert done.returncode == 0, done.stdout + done.stderr
