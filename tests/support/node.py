"""Node: packages for the tests, which are the builder of the page's script and libraries that sites use."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.support.servers import cannot_run

FOLDER = Path(__file__).resolve().parents[1] / "js"
MODULES = FOLDER / "node_modules"
INSTALL_WITHIN = 300  # seconds
RUN_WITHIN = 60  # seconds


@cache
def install() -> Path:
    """Return the folder with the packages of ``package.json``, and install missing ones."""
    # Another worker may install them at this moment.
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
    return MODULES


def _install() -> None:
    """Install the packages, unless those that are there are the ones of ``package.json``."""
    wanted = (FOLDER / "package.json").read_text()
    installed = MODULES / "installed.json"
    if installed.exists() and installed.read_text() == wanted:
        return
    if shutil.which("npm") is None:
        cannot_run("no npm on this machine")
    done = subprocess.run(
        ["npm", "install", "--no-save", "--no-package-lock", "--ignore-scripts"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=INSTALL_WITHIN,
        check=False,
    )
    if done.returncode:
        cannot_run(f"npm cannot install the packages of {FOLDER / 'package.json'}:\n{done.stderr}")
    installed.write_text(wanted)


def run(*arguments: str, given: str = "") -> str:
    """Run a program of the installed packages in their folder, and return its output.

    Args:
        *arguments: The name and the arguments of the program.
        given: Its standard input.
    """
    program = install() / ".bin" / arguments[0]
    done = subprocess.run(
        [program, *arguments[1:]],
        cwd=FOLDER,
        input=given,
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
