"""The size of what a page loads."""

from __future__ import annotations

import gzip
from pathlib import Path

import rjsmin

import djinsight
from benchmarks.figure import Figure
from benchmarks.run import Run


def size(run: Run) -> list[Figure]:
    """What a page loads, minified and gzipped."""
    source = (Path(djinsight.__file__).parent / "static" / "djinsight" / "djinsight.js").read_text()
    small, as_it_is = (len(gzip.compress(text.encode(), 9, mtime=0)) for text in (rjsmin.jsmin(source), source))
    note = f"as it is in the repository {len(source.encode()):,} B, gzipped {as_it_is:,} B"
    return [Figure("djinsight.js, minified and gzipped", "", small, "B", most=3072, note=note)]
