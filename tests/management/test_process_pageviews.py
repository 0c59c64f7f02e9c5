"""``process_pageviews``: pending views are written with progress, and Ctrl-C neither loses nor doubles a view."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db.models import Sum

from djinsight.counting import refusals
from djinsight.exceptions import Reason
from djinsight.models import (
    DataLoss,
    PageViewHour,
    PageViewLog,
    PageViewStatistics,
    PageViewSummary,
    RefusalCount,
)
from djinsight.tracked.refs import ObjectRef
from tests.support import gates
from tests.support.commands import Terminal, run
from tests.support.counted_views import count_views
from tests.support.processes import ROOT


def sums() -> list[int]:
    tables = (PageViewStatistics, PageViewSummary, PageViewHour)
    return [PageViewLog.objects.count(), *(t.objects.aggregate(n=Sum("total_views", default=0))["n"] for t in tables)]


def test_plain_lines(ref: ObjectRef) -> None:
    count_views(ref, 10)
    said = run("process_pageviews", "--batch-size", "4").splitlines()
    assert said == ["4 of 10 views", "8 of 10 views", "10 of 10 views", "Persisted 10 views."]
    assert sums() == [10] * 4


def test_a_bar(ref: ObjectRef) -> None:
    count_views(ref, 10)
    said = run("process_pageviews", "--batch-size", "5", stream=Terminal())
    assert said.startswith("\r[###############...............] 5 of 10 views\r[####")
    assert said.endswith("] 10 of 10 views\nPersisted 10 views.\n")


def test_nothing(transactional_db: None) -> None:
    assert run("process_pageviews") == "Persisted 0 views.\n"


def test_losses_and_dead_letters_are_told(ref: ObjectRef, redis_client: Any) -> None:
    count_views(ref, 5)
    first = redis_client.xrange("djinsight:events")[0][0]
    redis_client.xdel("djinsight:events", first)
    redis_client.xadd("djinsight:events", {"s": 6, "x": "y"})
    said = run("process_pageviews")
    assert "1 entries could not be stored. See process_deadletters." in said
    assert "views are missing in the stream (1)" in said
    assert DataLoss.objects.count() == 1


def test_refusals_too(transactional_db: None) -> None:
    """The command writes refusals as the task does, because a site without a worker has only this command."""
    refusals.count(Reason.RATE)
    refusals.flush()
    run("process_pageviews")
    assert RefusalCount.objects.get().refused == 1


@pytest.mark.parametrize("size", ["0", "-1", "20001", "x", "1e3"])
def test_bad_batch_size(size: str) -> None:
    with pytest.raises(CommandError, match="whole number from 1 to 20,000"):
        run("process_pageviews", f"--batch-size={size}")


def test_redis_down(transactional_db: None, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="Redis does not answer"):
        run("process_pageviews")


def test_exit_status(transactional_db: None) -> None:
    command = [sys.executable, "-m", "django", "process_pageviews", "--batch-size", "0", "--settings", "tests.settings"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")


def test_ctrl_c(ref: ObjectRef) -> None:
    count_views(ref, 60, visitors=10)
    process = gates.stopped("djinsight.history.persist:write_views", 2, "process_pageviews", "--batch-size", "20")
    assert sums() == [20] * 4
    assert gates.interrupt(process) == 130
    process.wait_for("Interrupted after the current batch")
    process.wait_for(r"^Persisted 40 views\.$")
    assert sums() == [40] * 4
    process.stop()
    run("process_pageviews")
    assert sums() == [60] * 4
