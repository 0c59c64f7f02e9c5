"""Summaries: daily sums computed from the log are exact if the log is complete, and never lower if it is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import F, QuerySet, Sum

from djinsight import days
from djinsight.history import summaries
from djinsight.history.persist import persist
from djinsight.models import PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tasks import summarize
from djinsight.tracked.refs import ObjectRef
from tests.support.commands import run
from tests.support.counted_views import count_views

Rows = list[tuple[date, int, int]]


def rows() -> Rows:
    return list(PageViewSummary.objects.order_by("date").values_list("date", "total_views", "unique_views"))


def count_at(
    monkeypatch: pytest.MonkeyPatch, ref: ObjectRef, when: datetime, views: int = 1, visitors: int = 1
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(days, "now", lambda: days.at(int(when.timestamp() * 1000)))
        count_views(ref, views, visitors)


def today() -> date:
    return days.now().day


@pytest.fixture
def history(ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Persist the views of three days in a row, with visitors that return, and return the sums."""
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=3)
    for back, (views, visitors) in enumerate([(6, 2), (4, 4), (5, 3)]):
        count_at(monkeypatch, ref, noon + timedelta(days=back), views, visitors)
    persist()
    return rows()


def test_what_persist_wrote_is_right(history: Rows) -> None:
    assert [row[1:] for row in history] == [(6, 2), (4, 4), (5, 3)]
    assert [written for _, written in summaries.rebuild(10)] == [0] * 10
    assert rows() == history


@pytest.mark.parametrize(
    "damage",
    [
        {"total_views": 1, "unique_views": 1},
        {"total_views": 0, "unique_views": 0},
        {"unique_views": 0},
        {"unique_views": 4},
        None,
    ],
    ids=["low", "zero", "no visitors", "too many visitors", "no rows"],
)
def test_what_is_damaged_is_as_it_was(damage: dict[str, int] | None, history: Rows) -> None:
    table = PageViewSummary.objects
    if damage is None:
        table.all().delete()
    else:
        table.update(**damage)
    list(summaries.rebuild(10))
    assert rows() == history


def test_only_the_days_asked_for(history: Rows) -> None:
    PageViewSummary.objects.all().delete()
    assert [day for day, _ in summaries.rebuild(2)] == [today() - timedelta(days=1), today()]
    assert rows() == [row for row in history if row[0] >= today() - timedelta(days=1)]


def test_rows_that_cleanup_deleted(history: Rows) -> None:
    first = list(PageViewLog.objects.order_by("pk").values_list("pk", flat=True)[:3])
    PageViewLog.objects.filter(pk__in=first).delete()
    list(summaries.rebuild(10))
    assert rows() == history


def test_detail_that_was_shed(ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 6
    count_views(ref, 20, visitors=20)
    persist()
    persist()
    before = rows()
    assert (before[0][1:], PageViewLog.objects.count()) == ((20, 20), 6)
    list(summaries.rebuild(2))
    assert rows() == before


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Prague", date(2026, 3, 29), 23),
        ("Europe/Prague", date(2026, 10, 25), 25),
        ("Europe/Prague", date(2026, 6, 1), 24),
        ("America/Santiago", date(2026, 9, 6), 23),  # its midnight does not exist
        ("America/Havana", date(2026, 11, 1), 25),  # its midnight comes twice
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", date(2026, 3, 29), 24),
    ],
)
def test_days_of_the_site(
    zone: str, day: date, hours: float, ref: ObjectRef, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a view each quarter of an hour, each day gets the views of its own hours."""
    settings.TIME_ZONE = zone
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    first = noon - timedelta(hours=30)
    for quarter in range(60 * 4):
        count_at(monkeypatch, ref, first + timedelta(minutes=15 * quarter))
    persist()
    before = rows()
    PageViewSummary.objects.all().delete()

    for each in (day - timedelta(days=1), day, day + timedelta(days=1)):
        summaries.rebuild_day(each)

    assert [row for row in rows() if row[0] == day] == [(day, hours * 4, 1)]
    # The first and the last day have lost nothing either: the log has all their views.
    assert rows() == before


def test_a_deleted_object_stays_away(history: Rows, ref: ObjectRef) -> None:
    """The log of a deleted object stays until it is old. A new object with the same key begins at zero."""
    PageViewStatistics.objects.all().delete()
    PageViewSummary.objects.all().delete()
    list(summaries.rebuild(10))
    assert rows() == []
    count_views(ref, 2)
    persist()
    PageViewSummary.objects.all().delete()
    list(summaries.rebuild(10))
    assert rows() == [(today(), 2, 1)]


def test_beside_persist(ref: ObjectRef) -> None:
    """Workers write views while others compute the day again: no view is lost or counted twice."""

    def work(n: int) -> None:
        try:
            for _ in range(8):
                if n % 2:
                    count_views(ref, 5)
                    persist()
                else:
                    list(summaries.rebuild(1))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert PageViewSummary.objects.aggregate(n=Sum("total_views"))["n"] == PageViewLog.objects.count() == 120


def test_persist_waits(ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker cannot persist views between the read of a sum and its write."""
    count_views(ref, 10)
    persist()
    PageViewSummary.objects.update(total_views=0)
    count_views(ref, 5)
    write = QuerySet.bulk_update

    def persist_elsewhere() -> None:
        try:
            persist()
        finally:
            connection.close()

    other = Thread(target=persist_elsewhere)

    def write_meanwhile(self: Any, *args: Any, **kwargs: Any) -> int:
        other.start()
        other.join(1)  # it ends if nothing blocks it
        return write(self, *args, **kwargs)

    monkeypatch.setattr(QuerySet, "bulk_update", write_meanwhile)
    assert summaries.rebuild_day(today()) == 1
    other.join(30)
    assert rows() == [(today(), 15, 1)]


def test_task(history: Rows) -> None:
    PageViewSummary.objects.all().delete()
    summarize()
    assert rows() == [row for row in history if row[0] >= today() - timedelta(days=1)]


# The command


def test_command(history: Rows) -> None:
    PageViewSummary.objects.update(total_views=F("total_views") - 1)
    said = run("generate_summaries", "--days", "10").splitlines()
    assert said[-1] == "Wrote 3 summaries of 10 days."
    assert said[0] == "1 of 10 days"
    assert rows() == history


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_bad_days(number: str) -> None:
    with pytest.raises(CommandError, match="whole number"):
        run("generate_summaries", f"--days={number}")
