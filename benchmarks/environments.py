"""Environments: sites of other packages, each in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores, processes
from benchmarks.processes import Server
from benchmarks.run import Run

GUNICORN = "gunicorn==27.0.1"


@dataclass(frozen=True)
class Environment:
    """A site in an environment that does not have the present djinsight.

    Attributes:
        name: The name of its directory.
        requirements: The packages that pip installs.
        site: The directory of the site's modules.
        settings: The module of its settings.
        application: Its WSGI application (``module:name``).
    """

    name: str
    requirements: tuple[str, ...]
    site: Path
    settings: str
    application: str

    def python(self) -> str:
        """Return its interpreter. The first call with these requirements installs them."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        home = cache / f"djinsight-benchmarks-{self.name}-py{sys.version_info[0]}{sys.version_info[1]}"
        interpreter, ready = home / "bin" / "python", home / "ready"
        wanted = "\n".join(self.requirements)
        if not ready.exists() or ready.read_text() != wanted:
            venv.create(home, with_pip=True, clear=True)
            pip = [str(interpreter), "-m", "pip", "install", "-q", *self.requirements]
            subprocess.run(pip, check=True, env=self._variables())
            ready.write_text(wanted)
        return str(interpreter)

    def _variables(self) -> dict[str, str]:
        """Return its environment variables, with which the present package cannot be imported."""
        return {
            **os.environ,
            "PYTHONPATH": str(self.site),
            "DJANGO_SETTINGS_MODULE": self.settings,
            "VIRTUAL_ENV": "",
        }

    def run_django(self, *arguments: str) -> str:
        """Run a management command of the site and return its output."""
        command = [self.python(), "-m", "django", *arguments]
        done = subprocess.run(command, env=self._variables(), cwd=self.site, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"a command of {self.site.name} fails:\n{done.stderr[-2000:]}")
        return done.stdout

    def gunicorn(self, run: Run) -> Server:
        """Start the site under gunicorn, with one worker of four threads."""
        port = processes.free_port()
        options = ("--workers", "1", "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "error")
        # Not in the root of this repository, where it would import the present djinsight.
        command = (self.python(), "-m", "gunicorn", *options, self.application)
        return Server(command, port, log=run.log, core=cores.SERVER, cwd=self.site, **self._variables())
