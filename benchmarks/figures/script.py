"""Script: the size of the file that every page loads."""

from __future__ import annotations

import gzip
from pathlib import Path

import djinsight
from benchmarks.figure import Figure
from benchmarks.run import Run


def size(run: Run) -> list[Figure]:
    """Measure the file that every page loads, gzipped as by a web server."""
    script = (Path(djinsight.__file__).parent / "static" / "djinsight" / "djinsight.js").read_bytes()
    note = f"minified {len(script):,} B"
    return [Figure("djinsight.js, minified and gzipped", "", len(gzip.compress(script, 9)), "B", most=3072, note=note)]
