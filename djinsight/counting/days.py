"""Days: the calendar of the site, as the scripts and the rollups see it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as midnight
from functools import lru_cache
from typing import NamedTuple, overload

from django.utils import timezone

_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = _BEGAN.toordinal()


class Moment(NamedTuple):
    """One instant and the day it falls on in the site's time zone."""

    ms: int  # Unix time in milliseconds
    day: date

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


def _began_ms(day: date) -> int:
    return int(datetime.combine(day, midnight.min, tzinfo=timezone.get_default_timezone()).timestamp() * 1000)


def now() -> Moment:
    """This instant."""
    return at(int(time.time() * 1000))


def at(ms: int) -> Moment:
    """The instant ``ms`` (Unix time in milliseconds)."""
    # Offsets change at whole quarters of an hour: all instants of one share their day.
    return Moment(ms, _day_of_quarter(ms // 900_000, timezone.get_default_timezone_name()))


def number_of(day: date) -> int:
    """Return ``day`` as a number: days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def date_of(number: int) -> date:
    """The inverse of ``number_of``."""
    return date.fromordinal(number + _EPOCH)


@overload
def to_datetime(ms: int) -> datetime: ...
@overload
def to_datetime(ms: None) -> None: ...
def to_datetime(ms: int | None) -> datetime | None:
    """An aware UTC datetime, or None for None."""
    # In whole numbers: as a float of seconds, far instants lose their millisecond.
    return None if ms is None else _BEGAN + timedelta(milliseconds=ms)


def to_ms(when: datetime | None) -> int | None:
    """The inverse of ``to_datetime``."""
    return None if when is None else (when - _BEGAN) // timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def _day_of_quarter(quarter: int, zone: str) -> date:
    return datetime.fromtimestamp(quarter * 900, timezone.get_default_timezone()).date()
