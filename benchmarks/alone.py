"""Alone: ``python -m benchmarks.alone NAME QUICK FILE`` runs one benchmark in this process."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import BENCHMARKS
from benchmarks.run import started


def main() -> None:
    name, quick, file = sys.argv[1:]
    benchmark = BENCHMARKS[name]
    with started(quick=bool(int(quick)), postgresql=benchmark.postgresql) as run:
        figures = benchmark.load()(run)
        found = {"Redis": run.redis_version(), "figures": [asdict(figure) for figure in figures]}
    Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
