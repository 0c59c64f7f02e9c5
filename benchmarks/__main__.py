"""Measure djinsight, print a table of the figures, and write them as JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.figure import Figure
from benchmarks.figures import BENCHMARKS


def main() -> None:
    options = _options()
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:16} {benchmark.about}")
        return
    made: dict[str, Any] = {}
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        redis_version, figures = _alone(name, options.quick)
        for figure in figures:
            print(report.line(name, figure), flush=True)
        made[name] = report.as_json(figures, time.monotonic() - began, redis_version)
        report.merge(options.json, made)
        if options.publish:
            report.publish(made)


def _alone(name: str, quick: bool) -> tuple[str, list[Figure]]:
    """Run one benchmark in a process of its own, whose memory no other benchmark has used.

    Returns:
        The version of the Redis server, and the figures.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as found:
        subprocess.run([sys.executable, "-m", "benchmarks.alone", name, str(int(quick)), found.name], check=True)
        made = json.load(found)
        return made["Redis"], [Figure(**each) for each in made["figures"]]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure; all of it if no name is given")
    parser.add_argument("--list", action="store_true", help="list the names with what each measures")
    parser.add_argument("--quick", action="store_true", help="take seconds instead of minutes, to show that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", default=Path("benchmarks.json"), help="the file to write")
    parser.add_argument("--publish", action="store_true", help="also write the figures to docs/, as JSON and as a page")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"expected some of {report.names(BENCHMARKS)} but got {report.names(unknown)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
