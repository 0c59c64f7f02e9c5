"""Report: the figures of a run as a table, as JSON, and as a page of the docs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.figure import Figure, number
from benchmarks.figures import BENCHMARKS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "explanation"
NOTES = ROOT / "benchmarks" / "notes.md"  # the explanation of the figures


def line(name: str, figure: Figure) -> str:
    """Return the line of one figure for the terminal."""
    verdict = {True: "reached", False: "MISSED", None: ""}[figure.reached]
    value = f"{number(figure.value)} {figure.unit}"
    measured = ", ".join(f"{name} {number(median(values))}" for name, values in figure.samples.items())
    what = figure.name + (f" / {figure.against}" if figure.against else "")
    return f"{name:16} {what:70} {value:>14}  {figure.target:>12} {verdict:8} {measured}"


def as_json(figures: Iterable[Figure], seconds: float, redis_version: str) -> dict[str, Any]:
    """Return the figures of one benchmark, with the machine and the day."""
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "machine": {**machine.describe(), "Redis server": redis_version},
        "seconds": round(seconds, 1),
        "figures": [figure.as_dict() for figure in figures],
    }


def merge(path: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``made`` to ``path`` and return its content.

    Figures of other benchmarks stay, except of benchmarks that no longer exist.
    """
    found = {**(json.loads(path.read_text()) if path.exists() else {}), **made}
    merged = {name: found[name] for name in BENCHMARKS if name in found}
    path.write_text(json.dumps(merged, indent=1) + "\n")
    return merged


def page(made: Mapping[str, Any]) -> str:
    """Return the page of the docs in Markdown."""
    machines = list(dict.fromkeys(_machine(benchmark) for benchmark in made.values()))
    lines = [
        "# Benchmarks",
        "",
        "After this page you know what djinsight costs, and how to measure it on your machine:",
        "",
        '    pip install -e ".[bench]" && python -m benchmarks',
        "",
        "Each figure is the median of ratios. A ratio compares two things that one run measures in turn, A B A B,",
        "because a shared machine changes its speed from minute to minute, and a ratio much less. The server has one",
        "core; Redis and the load, which sends prepared WebSocket frames over raw sockets, have another.",
        "",
        "A benchmark runs again when the code that it measures has changed. These are the machines:",
        "",
        *(f"{place}. {each}" for place, each in enumerate(machines, 1)),
        "",
        "| | measured | against | figure | target | | machine, day | medians |",
        "|---|---|---|---:|---:|---|---|---|",
    ]
    for name, benchmark in made.items():
        on = f"{machines.index(_machine(benchmark)) + 1}, {benchmark['made']}"
        for each in benchmark["figures"]:
            verdict = {True: "reached", False: "missed", None: ""}[each["reached"]]
            medians = ", ".join(f"{name} {number(median(values))}" for name, values in each["samples"].items())
            value = f"{number(each['value'])} {each['unit']}".strip()
            note = "; ".join(filter(None, (medians, each["note"])))
            cells = (f"`{name}`", each["name"], each["against"], value, each["target"].strip(), verdict, on, note)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", NOTES.read_text().rstrip(), ""])


def _machine(benchmark: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in benchmark["machine"].items())


def publish(made: Mapping[str, Any]) -> None:
    """Write the figures to the docs, as JSON and as the page made of it."""
    (DOCS / "benchmarks.md").write_text(page(merge(DOCS / "benchmarks.json", made)))


def names(benchmarks: Iterable[str]) -> str:
    return ", ".join(benchmarks)
