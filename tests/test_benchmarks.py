"""The benchmarks run, and the page of the docs is what they found. What they find is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.figures import BENCHMARKS

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_quick_run(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = run("--quick", "--json", str(file), "views")
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    (figure,) = found["benchmarks"]["views"]["figures"]
    views, echoes = (values[0] for values in figure["samples"].values())
    assert figure["value"] == views / echoes > 0
    assert figure["name"] in done.stdout
    assert found["machine"]["processor"]


def test_the_list() -> None:
    done = run("--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(BENCHMARKS)


def test_a_name_that_is_none() -> None:
    done = run("nothing")
    assert done.returncode == 2
    assert "nothing" in done.stderr


def test_the_page_is_what_was_found() -> None:
    found = json.loads((report.DOCS / "benchmarks.json").read_text())
    assert (report.DOCS / "benchmarks.md").read_text() == report.page(found)
    assert set(found["benchmarks"]) <= set(BENCHMARKS)
