"""Metrics: each is one entry, from the socket to the admin, and a further one touches three files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from djinsight.counting.keys import RefKeys
from djinsight.metrics import MAX_MORE, METRICS, MORE
from djinsight.models import PageViewStatistics
from djinsight.templatetags import djinsight_tags
from tests.support.nested import run_tests
from tests.support.processes import ROOT

ENTRY = 'Metric("arrivals", _("arrivals"), Kind.COUNT, Adds.SUM, counts=lambda view: view.beacon.referrer != ""),'
LINE = "| `arrivals` | views that come from elsewhere | a month has the sum of its days |\n"
DOCS = Path("docs/reference/metrics.md")


def test_names_are_columns_and_tags() -> None:
    columns = {field.name for field in PageViewStatistics._meta.get_fields()}
    assert {metric.name for metric in METRICS} - columns == {"views_today"}
    assert {metric.tag for metric in METRICS} <= set(djinsight_tags.register.tags)


def test_each_lives_in_a_key() -> None:
    assert {metric.key for metric in METRICS if metric.key} == set(RefKeys._fields)
    assert len(MORE) <= MAX_MORE


def files(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for name in ("djinsight", "docs")
        for path in (folder / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_further_metric(tmp_path: Path) -> None:
    """One entry, one migration and one line in the docs: it is on an open page, in the database and in the admin."""
    for name in ("djinsight", "docs", "tests", "demo"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".data")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    before = files(tmp_path)

    entries = tmp_path / "djinsight" / "metrics.py"
    text = entries.read_text(encoding="utf-8")
    last = "    *(TOTAL, UNIQUE, TODAY, FIRST, LAST),\n"
    assert text.count(last) == 1
    entries.write_text(text.replace(last, f"{last}    {ENTRY}\n"), encoding="utf-8")
    table = (tmp_path / DOCS).read_text(encoding="utf-8")
    before_end = re.search(r"^\| `last_viewed_at`.*\n", table, re.MULTILINE)
    assert before_end is not None
    (tmp_path / DOCS).write_text(table[: before_end.end()] + LINE + table[before_end.end() :], encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = ["makemigrations", "djinsight", "--name", "arrivals", "--settings", "tests.settings"]
    subprocess.run([sys.executable, "-m", "django", *command], cwd=tmp_path, env=environment, check=True, timeout=300)

    after = files(tmp_path)
    changed = {path for path in after if after[path] != before.get(path)}
    (migration,) = [path for path in changed if "migrations" in path.parts]
    assert changed == {Path("djinsight/metrics.py"), DOCS, migration}
    assert after[migration].count(b"AddField") == 2  # totals and days
    tests = ["tests/support/arrivals.py", "tests/site/test_reference.py"]
    run_tests("-p", "no:cacheprovider", *tests, cwd=tmp_path, PYTHONPATH=str(tmp_path))
