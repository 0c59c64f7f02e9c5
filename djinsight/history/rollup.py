"""Rollups: sum many views to few rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import add as add_numbers
from typing import TypeVar

from djinsight import days
from djinsight.history.parsing import Entry
from djinsight.metrics import NO_MORE
from djinsight.tracked.refs import ObjectRef

Key = TypeVar("Key")


@dataclass(slots=True)
class Sums:
    """Sums over some views of one object, with the Unix times of the first and the last one in ms."""

    total_views: int
    unique_views: int
    first_ms: int
    last_ms: int
    more: tuple[int, ...] = NO_MORE  # further metrics

    def add(self, other: Sums) -> None:
        self.total_views += other.total_views
        self.unique_views += other.unique_views
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.more = tuple(map(add_numbers, self.more, other.more))

    def counts(self) -> tuple[int, ...]:
        """Return the values of ``COUNTS``, in their order."""
        return self.total_views, self.unique_views, *self.more


@dataclass(slots=True)
class Rollup:
    """Sums by object, by object and day, and by object and hour.

    In the sums by day, ``unique_views`` is the number of visitors that are new on that day.
    """

    objects: dict[ObjectRef, Sums] = field(default_factory=dict)
    days: dict[tuple[ObjectRef, date], Sums] = field(default_factory=dict)
    hours: dict[tuple[ObjectRef, datetime], Sums] = field(default_factory=dict)


def roll_up(entries: Iterable[Entry]) -> Rollup:
    """Sum ``entries``. Days are in the site's time zone, hours in UTC."""
    rollup = Rollup()
    for (ref, quarter), (views, unique, unique_today, first, last, *rest) in _by_quarter(entries).items():
        more = tuple(rest)
        hour = datetime.fromtimestamp(quarter // 4 * 3600, UTC)
        add(rollup.objects, ref, Sums(views, unique, first, last, more))
        add(rollup.days, (ref, days.at(first).day), Sums(views, unique_today, first, last, more))
        add(rollup.hours, (ref, hour), Sums(views, unique, first, last, more))
    return rollup


def _by_quarter(entries: Iterable[Entry]) -> dict[tuple[ObjectRef, int], list[int]]:
    """Return lists of numbers by object and quarter of an hour.

    All instants of a quarter of an hour share their hour and their day, in every time zone. Each entry is read once.

    Returns:
        Lists of views, unique views, unique views of that day, first and last time in ms, and further metrics. The
        quarters are counted from the Unix epoch.
    """
    quarters: dict[tuple[ObjectRef, int], list[int]] = {}
    for _, _, ref, ms, views, unique, unique_today, _, more in entries:
        key = ref, ms // 900_000
        sums = quarters.get(key)
        if sums is None:
            quarters[key] = [views, unique, unique_today, ms, ms, *more]
            continue
        sums[0] += views
        sums[1] += unique
        sums[2] += unique_today
        if ms < sums[3]:
            sums[3] = ms
        elif ms > sums[4]:
            sums[4] = ms
        for place, number in enumerate(more, 5):
            sums[place] += number
    return quarters


def add(sums: dict[Key, Sums], key: Key, more: Sums) -> None:
    """Add ``more`` to the sums under ``key``."""
    if key in sums:
        sums[key].add(more)
    else:
        sums[key] = more
