"""Days: the calendar of the site, for the scripts in Redis and the rollups."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as midnight
from functools import lru_cache
from typing import NamedTuple

from django.utils import timezone

_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = _BEGAN.toordinal()
_LAST_MS = 2**43  # in the year 2248; no view has a later time
_KEEP_OFFSET = 600  # seconds; then this machine's clock is used again, as it may have been corrected
_ALWAYS = (0, _LAST_MS)

_offset_ms, _offset_until = 0, 0.0


class Moment(NamedTuple):
    """One instant, and its day in the site's time zone."""

    ms: int  # Unix time in milliseconds
    day: date
    given: bool = True  # named by the caller; False for the present, read from this machine's clock

    @property
    def stamp(self) -> str:
        """The day as ``yyyymmdd``, as in the key of a day's counter."""
        return self.day.strftime("%Y%m%d")

    @property
    def number(self) -> int:
        """The day as a number: days since 1970-01-01."""
        return number_of(self.day)

    @property
    def day_began_ms(self) -> int:
        """The start of this day, in Unix milliseconds."""
        return _began_ms(self.day)

    @property
    def day_ends_ms(self) -> int:
        """The start of the next day, in Unix milliseconds."""
        return _began_ms(self.day + timedelta(days=1))

    def window(self, seconds: int = 0) -> tuple[int, int]:
        """Return the times of Redis's clock between which the keys of this moment are right.

        The keys are named after the day. A script compares Redis's clock with these times, as that of this machine may
        be wrong.

        Args:
            seconds: The length of a period that further keys are named after; 0 for none.

        Returns:
            The first of these times and the one after the last, in Unix milliseconds.
        """
        if self.given:
            return _ALWAYS
        from_ms, until_ms = self.day_began_ms, self.day_ends_ms
        if seconds:
            began = self.ms // 1000 // seconds * seconds * 1000
            from_ms, until_ms = max(from_ms, began), min(until_ms, began + seconds * 1000)
        return from_ms, until_ms


def _began_ms(day: date) -> int:
    return int(datetime.combine(day, midnight.min, tzinfo=timezone.get_default_timezone()).timestamp() * 1000)


def now() -> Moment:
    """Return the present moment, by Redis's clock if its offset is known."""
    return _at(int(time.time() * 1000) + offset_ms(), given=False)


def at(ms: int) -> Moment:
    """Return the moment at ``ms`` (Unix milliseconds), for views of the past."""
    return _at(ms)


def _at(ms: int, *, given: bool = True) -> Moment:
    # The offset of a time zone changes only at a full quarter of an hour, so all instants of a quarter share a day.
    return Moment(ms, _day_of_quarter(ms // 900_000, timezone.get_default_timezone_name()), given)


def adjust(redis_ms: int) -> None:
    """Follow Redis's clock, now at ``redis_ms``, as all servers share it and their own may differ."""
    global _offset_ms, _offset_until
    _offset_ms, _offset_until = redis_ms - int(time.time() * 1000), time.monotonic() + _KEEP_OFFSET


def offset_ms() -> int:
    """Return by how many milliseconds Redis's clock is ahead of this machine's, 0 if that is not known."""
    return _offset_ms if time.monotonic() < _offset_until else 0


def forget_offset() -> None:
    """Follow this machine's clock again."""
    global _offset_until
    _offset_until = 0.0


def number_of(day: date) -> int:
    """Return the days from 1970-01-01 to ``day``."""
    return day.toordinal() - _EPOCH


def date_of(number: int) -> date:
    """Return the date of a number that ``number_of`` returned."""
    return date.fromordinal(number + _EPOCH)


def to_datetime(ms: int | None) -> datetime | None:
    """Return an aware datetime in UTC, or None if ``ms`` is None or no time that a view can have."""
    return None if ms is None or not 0 <= ms < _LAST_MS else datetime_of(ms)


def datetime_of(ms: int) -> datetime:
    """Return an aware datetime in UTC of Unix milliseconds.

    Raises:
        OverflowError: If it is beyond the dates that Python has.
    """
    # Whole numbers keep the millisecond, which a float of seconds loses for distant instants.
    return _BEGAN + timedelta(milliseconds=ms)


def to_ms(when: datetime | None) -> int | None:
    """Return the Unix milliseconds of an aware datetime, None for None."""
    return None if when is None else (when - _BEGAN) // timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def _day_of_quarter(quarter: int, zone: str) -> date:
    return datetime.fromtimestamp(quarter * 900, timezone.get_default_timezone()).date()
