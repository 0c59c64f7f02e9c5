"""Rollups: many views are summed to few rows, and no view is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from djinsight.counting.entries import Detail
from djinsight.history.parsing import Entry
from djinsight.history.rollup import Rollup, Sums, roll_up
from djinsight.tracked.refs import ObjectRef

A, B = ObjectRef("blog", "article", "5"), ObjectRef("blog", "term", "word")
DETAIL = Detail("view-0123456789a", "visitor", "", "", "", "")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def view(ref: ObjectRef, when: str, unique: int = 0, unique_today: int = 0) -> Entry:
    return Entry("1-1", 1, ref, ms(when), 1, unique, unique_today, DETAIL)


def summed(ref: ObjectRef, when: str, views: int, unique: int, unique_today: int) -> Entry:
    """Return a sum of views whose detail was dropped."""
    return Entry("1-1", 1, ref, ms(when), views, unique, unique_today, None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_nothing() -> None:
    assert roll_up([]) == Rollup()


def test_one_view() -> None:
    at = ms("2026-03-01T12:34:56.789+00:00")
    assert roll_up([view(A, "2026-03-01T12:34:56.789+00:00", unique=1, unique_today=1)]) == Rollup(
        objects={A: Sums(1, 1, at, at)},
        days={(A, date(2026, 3, 1)): Sums(1, 1, at, at)},
        hours={(A, utc("2026-03-01T12:00")): Sums(1, 1, at, at)},
    )


def test_many_views() -> None:
    rollup = roll_up(
        [
            view(A, "2026-03-01T10:00:00+00:00", unique=1, unique_today=1),
            view(B, "2026-03-01T10:00:01+00:00", unique=1, unique_today=1),
            view(A, "2026-03-01T10:59:59.999+00:00"),
            view(A, "2026-03-01T11:00:00+00:00", unique=1, unique_today=1),
            view(A, "2026-03-02T10:00:00+00:00", unique_today=1),
        ]
    )
    assert rollup.objects == {
        A: Sums(4, 2, ms("2026-03-01T10:00:00+00:00"), ms("2026-03-02T10:00:00+00:00")),
        B: Sums(1, 1, ms("2026-03-01T10:00:01+00:00"), ms("2026-03-01T10:00:01+00:00")),
    }
    assert {at: (sums.total_views, sums.unique_views) for at, sums in rollup.days.items()} == {
        (A, date(2026, 3, 1)): (3, 2),
        (A, date(2026, 3, 2)): (1, 1),
        (B, date(2026, 3, 1)): (1, 1),
    }
    assert {at: sums.total_views for at, sums in rollup.hours.items()} == {
        (A, utc("2026-03-01T10:00")): 2,
        (A, utc("2026-03-01T11:00")): 1,
        (A, utc("2026-03-02T10:00")): 1,
        (B, utc("2026-03-01T10:00")): 1,
    }


def test_out_of_order() -> None:
    """A server's clock may step back. The first and last times are still the earliest and the latest."""
    times = ["2026-03-01T10:00:05+00:00", "2026-03-01T10:00:09+00:00", "2026-03-01T10:00:01+00:00"]
    assert roll_up([view(A, when) for when in times]).objects == {A: Sums(3, 0, ms(times[2]), ms(times[1]))}


def test_views_whose_detail_was_shed() -> None:
    rollup = roll_up(
        [
            summed(A, "2026-03-01T10:00:00+00:00", views=500, unique=40, unique_today=60),
            view(A, "2026-03-01T10:00:01+00:00", unique=1, unique_today=1),
        ]
    )
    assert [(sums.total_views, sums.unique_views) for sums in rollup.objects.values()] == [(501, 41)]
    assert [(sums.total_views, sums.unique_views) for sums in rollup.days.values()] == [(501, 61)]
    assert [(sums.total_views, sums.unique_views) for sums in rollup.hours.values()] == [(501, 41)]


@pytest.mark.parametrize(
    ("zone", "when", "day"),
    [
        ("Europe/Prague", "2026-02-28T22:59:59.999+00:00", date(2026, 2, 28)),
        ("Europe/Prague", "2026-02-28T23:00:00+00:00", date(2026, 3, 1)),
        ("Europe/Prague", "2026-03-29T22:00:00+00:00", date(2026, 3, 30)),
        ("Europe/Prague", "2026-10-25T22:59:59+00:00", date(2026, 10, 25)),
        ("UTC", "2026-02-28T23:00:00+00:00", date(2026, 2, 28)),
        ("Asia/Tokyo", "2026-02-28T15:00:00+00:00", date(2026, 3, 1)),
    ],
)
def test_days_are_the_sites(zone: str, when: str, day: date, settings: Any) -> None:
    settings.TIME_ZONE = zone
    assert list(roll_up([view(A, when)]).days) == [(A, day)]


@pytest.mark.parametrize(
    ("when", "hour"),
    [
        ("2026-03-29T00:59:59.999+00:00", "2026-03-29T00:00"),
        ("2026-03-29T01:00:00+00:00", "2026-03-29T01:00"),
        # 2:30 in Prague occurs twice in that night
        ("2026-10-25T02:30:00+02:00", "2026-10-25T00:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:00"),
        ("1970-01-01T00:00:00+00:00", "1970-01-01T00:00"),
    ],
)
def test_hours_are_of_utc(when: str, hour: str) -> None:
    assert list(roll_up([view(A, when)]).hours) == [(A, utc(hour))]


def test_the_sums_agree() -> None:
    """For all entries, the sums by object, day and hour have the same views."""
    entries = [
        Entry("1-1", 1, ref, 1_772_000_000_000 + n * 7_654_321, 1 + n % 3, n % 2, n % 2, None)
        for n in range(500)
        for ref in (A, B)
    ]
    rollup = roll_up(entries)
    for ref in (A, B):
        total = sum(entry.views for entry in entries if entry.ref == ref)
        assert rollup.objects[ref].total_views == total
        assert sum(sums.total_views for (of, _), sums in rollup.days.items() if of == ref) == total
        assert sum(sums.total_views for (of, _), sums in rollup.hours.items() if of == ref) == total
