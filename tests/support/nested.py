"""Runs of pytest in a process of their own, on another site, database or driver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT


def run_tests(*arguments: str, cwd: Path = ROOT, timeout: float | None = 3600, **environment: str) -> None:
    """Run pytest with ``arguments`` and see that all of its tests pass.

    Args:
        arguments: Options and files of pytest.
        cwd: The folder to run in.
        timeout: Seconds until it is ended; None for no limit.
        environment: Variables to set besides those of this process.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
