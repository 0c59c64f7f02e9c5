"""Days: the calendar of the site's time zone, also when its clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from djinsight import days
from djinsight.days import Moment


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


# time zone, an instant, its day, the start of that day
DAYS = [
    ("Europe/Prague", "2026-03-01T12:00:00+00:00", "2026-03-01", "2026-03-01T00:00:00+01:00"),
    ("Europe/Prague", "2026-02-28T22:59:59.999+00:00", "2026-02-28", "2026-02-28T00:00:00+01:00"),
    ("Europe/Prague", "2026-02-28T23:00:00+00:00", "2026-03-01", "2026-03-01T00:00:00+01:00"),
    ("Europe/Prague", "2025-12-31T23:00:00+00:00", "2026-01-01", "2026-01-01T00:00:00+01:00"),
    # 29 March 2026 has 23 hours
    ("Europe/Prague", "2026-03-28T22:59:59.999+00:00", "2026-03-28", "2026-03-28T00:00:00+01:00"),
    ("Europe/Prague", "2026-03-28T23:00:00+00:00", "2026-03-29", "2026-03-29T00:00:00+01:00"),
    ("Europe/Prague", "2026-03-29T01:00:00+00:00", "2026-03-29", "2026-03-29T00:00:00+01:00"),
    ("Europe/Prague", "2026-03-29T21:59:59.999+00:00", "2026-03-29", "2026-03-29T00:00:00+01:00"),
    ("Europe/Prague", "2026-03-29T22:00:00+00:00", "2026-03-30", "2026-03-30T00:00:00+02:00"),
    # 25 October 2026 has 25 hours
    ("Europe/Prague", "2026-10-24T21:59:59.999+00:00", "2026-10-24", "2026-10-24T00:00:00+02:00"),
    ("Europe/Prague", "2026-10-24T22:00:00+00:00", "2026-10-25", "2026-10-25T00:00:00+02:00"),
    ("Europe/Prague", "2026-10-25T22:59:59.999+00:00", "2026-10-25", "2026-10-25T00:00:00+02:00"),
    ("Europe/Prague", "2026-10-25T23:00:00+00:00", "2026-10-26", "2026-10-26T00:00:00+01:00"),
    ("UTC", "2026-02-28T23:00:00+00:00", "2026-02-28", "2026-02-28T00:00:00+00:00"),
    ("UTC", "1970-01-01T00:00:00+00:00", "1970-01-01", "1970-01-01T00:00:00+00:00"),
    # offsets of a quarter and half an hour
    ("Asia/Kathmandu", "2026-03-01T18:14:59.999+00:00", "2026-03-01", "2026-03-01T00:00:00+05:45"),
    ("Asia/Kathmandu", "2026-03-01T18:15:00+00:00", "2026-03-02", "2026-03-02T00:00:00+05:45"),
    ("Australia/Lord_Howe", "2026-04-04T12:59:59.999+00:00", "2026-04-04", "2026-04-04T00:00:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-05T13:30:00+00:00", "2026-04-06", "2026-04-06T00:00:00+10:30"),
    ("Pacific/Kiritimati", "2026-03-01T10:00:00+00:00", "2026-03-02", "2026-03-02T00:00:00+14:00"),
    ("America/Los_Angeles", "2026-03-01T07:59:59+00:00", "2026-02-28", "2026-02-28T00:00:00-08:00"),
    # a day without a midnight, as Beirut's clocks go from 0:00 to 1:00
    ("Asia/Beirut", "2026-03-28T21:59:59.999+00:00", "2026-03-28", "2026-03-28T00:00:00+02:00"),
    ("Asia/Beirut", "2026-03-28T22:00:00+00:00", "2026-03-29", "2026-03-28T22:00:00+00:00"),
]


@pytest.mark.parametrize(("zone", "instant", "day", "began"), DAYS, ids=[f"{row[0]} {row[1]}" for row in DAYS])
def test_day(zone: str, instant: str, day: str, began: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    moment = days.at(ms(instant))
    assert moment == Moment(ms(instant), date.fromisoformat(day))
    assert moment.stamp == day.replace("-", "")
    assert moment.day_began_ms == ms(began)


@pytest.mark.parametrize("zone", ["Europe/Prague", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Beirut"])
def test_days_follow_one_another(zone: str, settings: Any) -> None:
    """For a year, numbers grow by one, and each day begins when the one before ends."""
    settings.TIME_ZONE = zone
    moment = days.at(ms("2026-01-01T12:00:00+00:00"))
    for _ in range(366):
        before, moment = moment, days.at(moment.ms + 86_400_000)
        assert moment.number == before.number + 1
        assert days.at(moment.day_began_ms).day == moment.day
        assert days.at(moment.day_began_ms - 1).day == before.day


@pytest.mark.parametrize(("day", "number"), [("1970-01-01", 0), ("1970-01-02", 1), ("2026-03-01", 20_513)])
def test_number(day: str, number: int) -> None:
    assert Moment(0, date.fromisoformat(day)).number == number


def test_the_zone_of_the_site_not_of_the_reader(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    assert days.at(ms("2026-03-01T15:00:00+00:00")).stamp == "20260302"
    settings.TIME_ZONE = "UTC"
    assert days.at(ms("2026-03-01T15:00:00+00:00")).stamp == "20260301"


def test_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days.time, "time", lambda: 1_772_319_600.123)
    assert days.now() == Moment(1_772_319_600_123, date(2026, 3, 1), given=False)
    days.adjust(1_772_319_660_123)  # Redis's clock, which all servers share, is a minute ahead
    assert days.now().ms == 1_772_319_660_123
    days.forget_offset()
    assert days.now().ms == 1_772_319_600_123


def test_the_window_of_a_moment(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Keys are named after a day and a period, and are right within both."""
    settings.TIME_ZONE = "Europe/Prague"
    monkeypatch.setattr(days.time, "time", lambda: 1_772_319_600.0)  # midnight
    began = 1_772_319_600_000
    assert days.now().window() == (began, began + 86_400_000)
    assert days.now().window(600) == (began, began + 600_000)
    monkeypatch.setattr(days.time, "time", lambda: 1_772_319_599.0)
    assert days.now().window(600) == (began - 600_000, began)
    assert days.at(5).window(600) == (0, 2**43)


@pytest.mark.parametrize("ms", [-1, 2**43, 253_402_300_800_000, 10**30])
def test_a_time_that_is_none(ms: int) -> None:
    assert days.to_datetime(ms) is None


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (None, None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_772_319_600_123, datetime(2026, 2, 28, 23, 0, 0, 123_000, tzinfo=UTC)),
        (2**43 - 1, datetime(2248, 9, 26, 15, 10, 22, 207_000, tzinfo=UTC)),
    ],
)
def test_datetimes(number: int | None, when: datetime | None) -> None:
    assert days.to_datetime(number) == when
    assert days.to_ms(when) == number


@pytest.mark.parametrize("start", [1_772_319_600_000, 2**43 - 1000])
def test_every_millisecond_survives(start: int) -> None:
    wrong = [number for number in range(start, start + 1000) if days.to_ms(days.to_datetime(number)) != number]
    assert wrong == []


def test_a_datetime_of_another_zone() -> None:
    assert days.to_ms(datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == ms("2026-03-01T00:00:00+00:00")
