"""Days: the calendar of the site, as the scripts and the rollups see it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as midnight
from functools import lru_cache
from typing import NamedTuple

from django.utils import timezone

_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = _BEGAN.toordinal()
_LAST_MS = 2**43  # the year 2248: no time of ours is beyond it
_KEEP_OFFSET = 600  # seconds; then this machine's clock, which may be right by then, is tried again
_ALWAYS = (0, _LAST_MS)

_offset_ms, _offset_until = 0, 0.0


class Moment(NamedTuple):
    """One instant and the day it falls on in the site's time zone."""

    ms: int  # Unix time in milliseconds
    day: date
    given: bool = True  # an instant that somebody names, and not this one by the clock of this machine

    @property
    def stamp(self) -> str:
        """``yyyymmdd``, as in the key of a day's counter."""
        return self.day.strftime("%Y%m%d")

    @property
    def number(self) -> int:
        """The day as a number: days since 1970-01-01."""
        return number_of(self.day)

    @property
    def day_began_ms(self) -> int:
        """When this day began, Unix time in milliseconds."""
        return _began_ms(self.day)

    @property
    def day_ends_ms(self) -> int:
        """When the next day begins, Unix time in milliseconds."""
        return _began_ms(self.day + timedelta(days=1))

    def window(self, seconds: int = 0) -> tuple[int, int]:
        """From and until when (Unix ms) the clock may be for this moment's keys to be right, by Redis's clock.

        ``seconds`` is the length of a stretch of time that other keys are named after.
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
    """This instant, by Redis's clock where that is known to be another one."""
    return _at(int(time.time() * 1000) + offset_ms(), given=False)


def at(ms: int) -> Moment:
    """The instant ``ms`` (Unix time in milliseconds), for views of the past."""
    return _at(ms)


def _at(ms: int, *, given: bool = True) -> Moment:
    # Offsets change at whole quarters of an hour: all instants of one share their day.
    return Moment(ms, _day_of_quarter(ms // 900_000, timezone.get_default_timezone_name()), given)


def adjust(redis_ms: int) -> None:
    """Go by Redis's clock, which says ``redis_ms``: all servers share it, and theirs may differ."""
    global _offset_ms, _offset_until
    _offset_ms, _offset_until = redis_ms - int(time.time() * 1000), time.monotonic() + _KEEP_OFFSET


def offset_ms() -> int:
    """How far Redis's clock is known to be ahead of this machine's."""
    return _offset_ms if time.monotonic() < _offset_until else 0


def forget_offset() -> None:
    """Go by this machine's clock again."""
    global _offset_until
    _offset_until = 0.0


def number_of(day: date) -> int:
    """Return ``day`` as a number: days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def date_of(number: int) -> date:
    """The inverse of ``number_of``."""
    return date.fromordinal(number + _EPOCH)


def to_datetime(ms: int | None) -> datetime | None:
    """An aware UTC datetime; None for None, and for what is no time that a view can have."""
    return None if ms is None or not 0 <= ms < _LAST_MS else datetime_of(ms)


def datetime_of(ms: int) -> datetime:
    """An aware UTC datetime. Raises OverflowError for what is beyond every date."""
    # In whole numbers: as a float of seconds, far instants lose their millisecond.
    return _BEGAN + timedelta(milliseconds=ms)


def to_ms(when: datetime | None) -> int | None:
    """The inverse of ``to_datetime``."""
    return None if when is None else (when - _BEGAN) // timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def _day_of_quarter(quarter: int, zone: str) -> date:
    return datetime.fromtimestamp(quarter * 900, timezone.get_default_timezone()).date()
