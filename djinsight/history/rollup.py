"""Rollups: many views become few rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from djinsight import days
from djinsight.history.parsing import Entry
from djinsight.tracked.refs import ObjectRef

Key = TypeVar("Key")


@dataclass(slots=True)
class Sums:
    """Sums over some views of one object; times in Unix ms."""

    total_views: int
    unique_views: int
    first_ms: int
    last_ms: int

    def add(self, other: Sums) -> None:
        self.total_views += other.total_views
        self.unique_views += other.unique_views
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)


@dataclass(slots=True)
class Rollup:
    """Views by object, by object and day (``unique_views``: new that day), by object and hour."""

    objects: dict[ObjectRef, Sums] = field(default_factory=dict)
    days: dict[tuple[ObjectRef, date], Sums] = field(default_factory=dict)
    hours: dict[tuple[ObjectRef, datetime], Sums] = field(default_factory=dict)


def roll_up(entries: Iterable[Entry]) -> Rollup:
    """Sum ``entries``; days are those of the site's time zone, hours those of UTC."""
    rollup = Rollup()
    for (ref, quarter), (views, unique, unique_today, first, last) in _by_quarter(entries).items():
        hour = datetime.fromtimestamp(quarter // 4 * 3600, UTC)
        add(rollup.objects, ref, Sums(views, unique, first, last))
        add(rollup.days, (ref, days.at(first).day), Sums(views, unique_today, first, last))
        add(rollup.hours, (ref, hour), Sums(views, unique, first, last))
    return rollup


def _by_quarter(entries: Iterable[Entry]) -> dict[tuple[ObjectRef, int], list[int]]:
    """Views, unique ones, those new that day, first and last time, by object and quarter of an hour.

    All instants of a quarter share their hour and their day, in every time zone. Each entry is touched once.
    """
    quarters: dict[tuple[ObjectRef, int], list[int]] = {}
    for _, _, ref, ms, views, unique, unique_today, _ in entries:
        key = ref, ms // 900_000
        sums = quarters.get(key)
        if sums is None:
            quarters[key] = [views, unique, unique_today, ms, ms]
            continue
        sums[0] += views
        sums[1] += unique
        sums[2] += unique_today
        if ms < sums[3]:
            sums[3] = ms
        elif ms > sums[4]:
            sums[4] = ms
    return quarters


def add(sums: dict[Key, Sums], key: Key, more: Sums) -> None:
    """Add ``more`` to what ``sums`` has under ``key``."""
    if key in sums:
        sums[key].add(more)
    else:
        sums[key] = more
