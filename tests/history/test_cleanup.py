"""Cleanup: old log rows are deleted in batches; sums and totals stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from djinsight.history import cleanup
from djinsight.history.persist import persist
from djinsight.models import PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tasks import cleanup as cleanup_task
from djinsight.tracked.refs import ObjectRef
from tests.support import gates
from tests.support.commands import Terminal, run
from tests.support.counted_views import count_views

SUMS = (PageViewStatistics, PageViewSummary, PageViewHour)


@pytest.fixture
def log(ref: ObjectRef) -> None:
    """Five views 100 days ago, three 10 days ago, two now."""
    count_views(ref, 10)
    persist()
    pks = list(PageViewLog.objects.values_list("pk", flat=True))
    for days, part in ((100, pks[:5]), (10, pks[5:8])):
        PageViewLog.objects.filter(pk__in=part).update(timestamp=F("timestamp") - timedelta(days=days))


def sums() -> list[list[Any]]:
    return [list(table.objects.order_by("pk").values()) for table in SUMS]


@pytest.mark.parametrize(("days", "left"), [(None, 5), (90, 5), (100, 5), (101, 10), (10, 2), (9, 2), (11, 5)])
def test_how_much_goes(days: int | None, left: int, log: None) -> None:
    before = sums()
    assert sum(cleanup.clean_up(days)) == 10 - left
    assert PageViewLog.objects.count() == left
    assert sums() == before


def test_in_batches_the_oldest_first(log: None, settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 3
    with CaptureQueriesContext(
        connection,
    ) as queries:
        batches = cleanup.clean_up(5)
        assert next(batches) == 3
        assert cleanup.older_than(50).count() == 2
        assert list(batches) == [3, 2]
    deletes = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert len(deletes) == 3
    assert all(" IN (" in sql for sql in deletes)


def test_task(log: None, settings: Any) -> None:
    settings.DJINSIGHT_CLEANUP_DAYS = 5
    cleanup_task()
    assert PageViewLog.objects.count() == 2


# The command


def test_yes(log: None) -> None:
    assert run("cleanup_pageviews", "--days", "50", "--yes").splitlines()[-1] == "Deleted 5 log rows."
    assert PageViewLog.objects.count() == 5


def test_dry_run(log: None) -> None:
    assert run("cleanup_pageviews", "--dry-run") == "5 log rows older than 90 days would be deleted.\n"
    assert PageViewLog.objects.count() == 10


def test_nothing_to_delete(log: None) -> None:
    assert "nothing to delete" in run("cleanup_pageviews", "--days", "200")


def test_nobody_to_ask(log: None) -> None:
    """pytest has no terminal for stdin either."""
    with pytest.raises(CommandError, match="--yes"):
        run("cleanup_pageviews", "--days", "50")
    assert PageViewLog.objects.count() == 10


@pytest.mark.parametrize(("answer", "left"), [("y", 5), ("YES", 5), ("n", 10), ("", 10), ("what", 10)])
def test_asks(answer: str, left: int, log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = Terminal(f"{answer}\n")
    monkeypatch.setattr("sys.stdin", stdin)
    if left == 10:
        with pytest.raises(CommandError, match="Nothing was changed"):
            run("cleanup_pageviews", "--days", "50")
    else:
        run("cleanup_pageviews", "--days", "50")
    assert PageViewLog.objects.count() == left


@pytest.mark.parametrize("days", ["0", "-1", "x", "", "1.5", "36501", "9" * 5000])
def test_bad_days(days: str) -> None:
    with pytest.raises(CommandError, match="whole number"):
        run("cleanup_pageviews", f"--days={days}", "--yes")


def test_a_bar_on_a_terminal(log: None, settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 2
    said = run("cleanup_pageviews", "--days", "50", "--yes", stream=Terminal())
    assert "\r[############..................] 2 of 5 log rows" in said
    assert said.endswith("\r[##############################] 5 of 5 log rows\nDeleted 5 log rows.\n")


def test_plain_lines_in_a_pipe(log: None, settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 2
    said = run("cleanup_pageviews", "--days", "50", "--yes")
    assert said.splitlines() == ["2 of 5 log rows", "4 of 5 log rows", "5 of 5 log rows", "Deleted 5 log rows."]


def test_ctrl_c(log: None) -> None:
    """The command ends with the current batch, and the number that it prints is the number of deleted rows."""
    command = ("cleanup_pageviews", "--days", "50", "--yes")
    # Two calls find the old rows; the fourth call is in the second batch.
    process = gates.stopped("djinsight.database:rows", 4, *command, DJINSIGHT_BATCH_SIZE=2)
    assert cleanup.older_than(50).count() == 3
    assert gates.interrupt(process) == 130
    process.wait_for(r"^Deleted 4 log rows\.$")
    process.wait_for("Interrupted")
    assert cleanup.older_than(50).count() == 1
    process.stop()
