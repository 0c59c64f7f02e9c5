"""Processes: the demo's children, each in a session of its own, ended in order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOP_WITHIN = 15.0  # seconds; then the process is killed


class Process:
    """One child process, whose output goes to a log file."""

    def __init__(self, name: str, *arguments: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            # Ctrl-C in a terminal goes to the whole process group. In a session of its own a child is ended in order.
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def stop(self) -> None:
        if self.ended:
            return
        self._popen.terminate()
        try:
            self._popen.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def wait(self) -> int:
        """Wait until the process ends, and return its exit status."""
        return self._popen.wait()
