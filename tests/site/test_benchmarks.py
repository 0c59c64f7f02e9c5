"""The benchmarks run, and the page of the docs has their results. The results themselves are not checked here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import report, views
from benchmarks.figure import Figure
from benchmarks.figures import BENCHMARKS
from benchmarks.figures.older import OLDER
from benchmarks.figures.peers import HITCOUNT
from tests.support.servers import cannot_run

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_quick_run(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = run("--quick", "--json", str(file), "views")
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    figure, *_ = found["views"]["figures"]
    views, echoes = (values[0] for values in figure["samples"].values())
    assert figure["value"] == views / echoes > 0
    assert figure["name"] in done.stdout
    assert found["views"]["machine"]["processor"]


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("deflate", ["us", "us without"]),
        ("stack", ["supervisor MiB", "Redis MiB", "worker and beat MiB", "server MiB"]),
    ],
)
def test_a_quick_run_of_others(name: str, samples: list[str], tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = run("--quick", "--json", str(file), name)
    assert done.returncode == 0, done.stderr
    figure, *_ = json.loads(file.read_text())[name]["figures"]
    assert sorted(figure["samples"]) == sorted(samples)
    assert figure["value"] > 0


def quick_figures(name: str, file: Path) -> list[dict[str, Any]]:
    """Run a benchmark quickly, and return its figures, which it has also printed."""
    done = run("--quick", "--json", str(file), name)
    assert done.returncode == 0, done.stderr
    figures: list[dict[str, Any]] = json.loads(file.read_text())[name]["figures"]
    for figure in figures:
        assert figure["name"] in done.stdout
        assert all(value > 0 for values in [[figure["value"]], *figure["samples"].values()] for value in values)
    return figures


def test_a_quick_run_of_views_over_http(tmp_path: Path) -> None:
    daphne, uvicorn = quick_figures("http-view", tmp_path / "found.json")
    of_each = ["us", "through Django us", "bare POST us"]
    assert (list(daphne["samples"]), list(uvicorn["samples"])) == (of_each, [*of_each, "view alone us"])
    (view,), _, (bare,), (alone,) = uvicorn["samples"].values()
    assert uvicorn["value"] == view / (1.6 * bare + alone)


def test_a_quick_run_of_peers(tmp_path: Path) -> None:
    for each in (OLDER, HITCOUNT):
        try:
            each.python()
        except subprocess.CalledProcessError:
            cannot_run(f"pip cannot install {', '.join(each.requirements)}")
    figures = quick_figures("peers", tmp_path / "found.json")
    inside = ["Redis us", "Redis us", "Redis us", "SQLite us", None]
    for figure, store in zip(figures, inside, strict=False):
        assert list(figure["samples"]) == ["us", *filter(None, [store])]
        assert figure["note"].startswith("stored when it answers: ")
    ratios = figures[len(inside) :]
    socket, http, _, hitcount, _ = (figure["value"] for figure in figures[: len(inside)])
    assert [each["value"] for each in ratios] == [socket / hitcount, http / hitcount]


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
    assert list(found) == [name for name in BENCHMARKS if name in found]


def test_what_was_found_before_on_another_machine_stays(tmp_path: Path) -> None:
    def made(processor: str, day: str, value: float) -> dict[str, Any]:
        figure = Figure("views", "echoes", value).as_dict()
        return {"made": day, "machine": {"processor": processor}, "seconds": 1.0, "figures": [figure]}

    file = tmp_path / "found.json"
    before = {
        "memory": made("new", "2026-01-01", 1),
        "idle": made("old", "2026-01-01", 2),
        "views": made("old", "2026-01-01", 3),
        "gone": made("old", "2026-01-01", 4),
    }
    file.write_text(json.dumps(before))
    found = report.merge(file, {"views": made("new", "2026-01-02", 5)})
    assert {name: each["made"] for name, each in found.items()} == {
        "views": "2026-01-02", "memory": "2026-01-01", "idle": "2026-01-01"
    }  # fmt: skip
    page = report.page(found)
    assert "\n1. processor new\n2. processor old\n\n" in page
    assert "| 5 x |  |  | 1, 2026-01-02 |" in page
    assert "| 1 x |  |  | 1, 2026-01-01 |" in page
    assert "| 2 x |  |  | 2, 2026-01-01 |" in page
    assert "| 3 x |" not in page


class Standstill:
    """A client with a clock of its own, whose first answer takes 5 s and each further one 0.25 s."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = iter([5.0, *[0.25] * 20])

    def __iter__(self) -> Iterator[Standstill]:
        return iter([self])

    def ready(self, within: float) -> list[Standstill]:
        self.now += next(self.steps, 0.25) if within else 0.0
        return [self] if within and self.now < 8 else []

    def send(self, data: bytes) -> None:
        assert data == b"frame"

    def receive(self) -> list[bytes]:
        return [b'{"type":"counted"}']


def test_what_is_counted_begins_with_the_time_also_after_a_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    still: Any = Standstill()
    monkeypatch.setattr(views, "time", SimpleNamespace(perf_counter=lambda: still.now))
    answered = views.keep_in_flight(still, [[b"frame"] * 50], 1, 1.0)
    assert answered == views.Answered(answers=4, refused=0, seconds=1.0)
