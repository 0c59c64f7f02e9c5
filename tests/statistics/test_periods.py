"""Periods: this week and this month on the site's calendar, pending views included."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from django.contrib.contenttypes.models import ContentType

from djinsight import days
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.statistics import periods
from djinsight.statistics.periods import Views, began, daily_of
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Product
from tests.support.counted_views import count as count_all
from tests.support.counted_views import count_views, view

pytestmark = pytest.mark.django_db

# today, and the Monday of its week
WEEKS = [
    ("2026-03-29", "2026-03-23"),  # a Sunday, 23 hours long in Prague
    ("2026-03-30", "2026-03-30"),  # a Monday
    ("2026-10-25", "2026-10-19"),  # 25 hours long
    ("2026-01-01", "2025-12-29"),
    ("2024-02-29", "2024-02-26"),
]


@pytest.mark.parametrize(("today", "monday"), WEEKS)
def test_week(today: str, monday: str) -> None:
    assert began("week", date.fromisoformat(today)) == date.fromisoformat(monday)


@pytest.mark.parametrize(("today", "first"), [("2026-03-29", "2026-03-01"), ("2024-02-29", "2024-02-01")])
def test_month(today: str, first: str) -> None:
    assert began("month", date.fromisoformat(today)) == date.fromisoformat(first)


@pytest.mark.parametrize("period", ["year", "", "Week", None, 7])
def test_no_such_period(period: Any) -> None:
    with pytest.raises(ValueError, match='expected "week" or "month" but got'):
        began(period, date(2026, 3, 29))


def set_clock(monkeypatch: pytest.MonkeyPatch, when: str, zone: str = "Europe/Prague") -> None:
    seconds = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(zone)).timestamp()
    monkeypatch.setattr(days, "now", lambda: days.at(int(seconds * 1000)))


def summarised(ref: ObjectRef, views: dict[str, int], before: int = 0) -> None:
    """Write persisted views of ``ref``: by day, and ``before`` those days."""
    key = {"content_type": ContentType.objects.get_by_natural_key(ref.app_label, ref.model_name), "object_id": ref.pk}
    for day, total in views.items():
        PageViewSummary.objects.create(**key, date=day, total_views=total, unique_views=1)
    PageViewStatistics.objects.create(**key, total_views=sum(views.values()) + before, unique_views=1)


@pytest.fixture
def ref() -> ObjectRef:
    ContentType.objects.get_for_models(Article, Product)
    return ObjectRef.of(Article.objects.create(title="x"))


def read(*refs: ObjectRef) -> dict[ObjectRef, Views]:
    return periods.read(live_numbers.read(refs))


# now, the views by day, and the expected views of the week and the month
SUMS = {
    "a Wednesday": ("2026-03-18T12:00", {"2026-03-15": 1, "2026-03-16": 2, "2026-03-18": 4, "2026-02-28": 8}, 6, 7),
    "a Monday": ("2026-03-16T00:00", {"2026-03-15": 1, "2026-03-16": 2, "2026-02-28": 8}, 2, 3),
    "a week over two months": ("2026-04-01T12:00", {"2026-03-30": 1, "2026-04-01": 2, "2026-03-29": 4}, 3, 2),
    "the end of a short day": ("2026-03-29T23:59:59", {"2026-03-23": 1, "2026-03-29": 2, "2026-03-22": 4}, 3, 7),
    "the start after a short day": ("2026-03-30T00:00", {"2026-03-29": 2, "2026-03-30": 1, "2026-03-01": 4}, 1, 7),
    "the end of a long day": ("2026-10-25T23:59:59", {"2026-10-19": 1, "2026-10-25": 2, "2026-10-18": 4}, 3, 7),
    "the start after a long day": ("2026-10-26T00:00", {"2026-10-25": 2, "2026-10-26": 1}, 1, 3),
    "a Monday that begins a month": ("2026-06-01T12:00", {"2026-06-01": 5, "2026-05-31": 9}, 5, 5),
    "nothing lately": ("2026-06-17T12:00", {"2026-05-31": 9}, 0, 0),
}


@pytest.mark.parametrize(("now", "views", "week", "month"), SUMS.values(), ids=SUMS)
def test_persisted(
    now: str, views: dict[str, int], week: int, month: int, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, now)
    summarised(ref, views, before=100)
    assert read(ref) == {ref: Views(week, month)}
    count_views(ref, 3)
    assert read(ref) == {ref: Views(week + 3, month + 3)}


@pytest.mark.parametrize(("now", "views", "week", "month"), SUMS.values(), ids=SUMS)
def test_with_redis_down(
    now: str, views: dict[str, int], week: int, month: int, ref: ObjectRef, monkeypatch: Any, settings: Any
) -> None:
    set_clock(monkeypatch, now)
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    summarised(ref, views, before=100)
    assert read(ref) == {ref: Views(week, month)}


@pytest.mark.parametrize(
    ("zone", "week"), [("Europe/Prague", 1), ("UTC", 3), ("Pacific/Kiritimati", 1), ("America/Los_Angeles", 3)]
)
def test_the_zone_of_the_site(zone: str, week: int, ref: ObjectRef, settings: Any, monkeypatch: Any) -> None:
    """Half past eleven on a Sunday evening in London is Monday in Prague."""
    settings.TIME_ZONE = zone
    set_clock(monkeypatch, "2026-03-15T23:30", "UTC")
    today = days.now().day
    summarised(ref, {str(today): 1, "2026-03-14": 2})
    assert read(ref)[ref].week == week


def test_pending_and_persisted_make_the_same(ref: ObjectRef) -> None:
    count_views(ref, 5, visitors=2)
    before = read(ref)
    assert persist().views == 5
    assert read(ref) == before == {ref: Views(5, 5)}


def test_a_snapshot_that_is_older_than_the_database(ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot from before views that are persisted by now shows the numbers of the moment of its read."""
    set_clock(monkeypatch, "2026-03-18T12:00")
    summarised(ref, {"2026-03-17": 3, "2026-03-02": 1}, before=10)
    snapshots = live_numbers.read([ref])
    row = PageViewStatistics.objects.get()
    row.total_views += 2
    row.save()
    PageViewSummary.objects.create(
        content_type=row.content_type, object_id=row.object_id, date="2026-03-18", total_views=2
    )
    assert periods.read(snapshots) == {ref: Views(3, 4)}


def test_a_snapshot_of_the_day_before(ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot from before midnight, shown with one from after it, has no views in the week of Monday."""
    other = ObjectRef.of(Product.objects.create(name="y"))
    set_clock(monkeypatch, "2026-03-15T23:59:59")
    summarised(ref, {"2026-03-15": 7})
    snapshots = live_numbers.read([ref])
    set_clock(monkeypatch, "2026-03-16T00:00")
    assert periods.read(snapshots | live_numbers.read([other])) == {ref: Views(0, 7), other: Views(0, 0)}


def test_views_of_a_sunday_that_are_not_persisted(ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """Monday begins with no views, even if no worker has run since. The month has them after a worker has run."""
    set_clock(monkeypatch, "2026-03-15T23:59:59")
    count_views(ref, 3)
    assert read(ref) == {ref: Views(3, 3)}
    set_clock(monkeypatch, "2026-03-16T00:00")
    assert read(ref)[ref].week == 0
    count_views(ref, 2)
    assert read(ref)[ref].week == 2
    persist()
    assert read(ref) == {ref: Views(2, 5)}


@pytest.mark.django_db(transaction=True)
def test_what_was_lost_is_of_no_later_week(
    ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the total keeps lost views, as it never goes down."""
    set_clock(monkeypatch, "2026-03-18T12:00")
    live_numbers.read([ref])
    count_views(ref, 50)
    redis_client.delete("djinsight:events")
    persist()
    set_clock(monkeypatch, "2026-05-20T12:00")
    count_views(ref, 1)
    assert live_numbers.read([ref])[ref].total_views == 51
    assert read(ref) == {ref: Views(1, 1)}


def test_many_in_one_query(ref: ObjectRef, django_assert_num_queries: Any) -> None:
    refs = [ref, *(ObjectRef.of(Product.objects.create(name=str(n))) for n in range(20))]
    for n, each in enumerate(refs):
        summarised(each, {str(days.now().day): n + 1})
    snapshots = live_numbers.read(refs)
    with django_assert_num_queries(1):
        found = periods.read(snapshots)
    assert [found[each].week for each in refs] == list(range(1, 22))


@pytest.mark.parametrize("refs", [[], [ObjectRef("gone", "gone", "1")]], ids=["none", "an app that is gone"])
def test_without_rows(refs: list[ObjectRef]) -> None:
    assert read(*refs) == dict.fromkeys(refs, Views(0, 0))
    first, last = date(2026, 3, 1), date(2026, 3, 2)
    assert daily_of(refs, first, last) == {each: {first: (0, 0), last: (0, 0)} for each in refs}


# The days of a period


@pytest.mark.parametrize(("first", "last"), [("2026-03-27", "2026-03-31"), ("2026-10-24", "2026-10-27")])
def test_days(first: str, last: str, ref: ObjectRef) -> None:
    """Every day is there once, also if the clocks change on it. Days without views have zeros."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    second = str(begin + timedelta(days=1))
    summarised(ref, {first: 3, second: 4, str(begin - timedelta(days=1)): 9, str(end + timedelta(days=1)): 9})
    found = daily_of([ref], begin, end)[ref]
    assert list(found) == [begin + timedelta(days=n) for n in range((end - begin).days + 1)]
    assert [total for total, _ in found.values()] == [3, 4] + [0] * (len(found) - 2)
    assert [unique for _, unique in found.values()] == [1, 1] + [0] * (len(found) - 2)


def test_days_of_many_in_one_query(ref: ObjectRef, django_assert_num_queries: Any) -> None:
    other = ObjectRef.of(Product.objects.create(name="y"))
    summarised(ref, {"2026-03-27": 3})
    summarised(other, {"2026-03-28": 4})
    first, last = date(2026, 3, 27), date(2026, 3, 28)
    with django_assert_num_queries(1):
        found = daily_of([ref, other], first, last)
    assert found == {ref: {first: (3, 1), last: (0, 0)}, other: {first: (0, 0), last: (4, 1)}}


def test_what_persist_wrote(ref: ObjectRef) -> None:
    count_all([view(ref, "one"), view(ref, "two"), view(ref, "one")])
    persist()
    today = days.now().day
    assert daily_of([ref], today, today) == {ref: {today: (3, 2)}}
