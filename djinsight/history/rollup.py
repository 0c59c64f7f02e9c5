"""Rollups: many views become few rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from djinsight.beacons.refs import ObjectRef
from djinsight.counting import days
from djinsight.history.stream import Entry


@dataclass(slots=True)
class Sums:
    """Sums over some views of one object; times in Unix ms."""

    total_views: int = 0
    unique_views: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def add(self, views: int, unique: int, ms: int) -> None:
        self.first_ms = min(self.first_ms, ms) if self.total_views else ms
        self.last_ms = max(self.last_ms, ms)
        self.total_views += views
        self.unique_views += unique


@dataclass(slots=True)
class Rollup:
    """Views by object, by object and day (``unique_views``: new that day), by object and hour."""

    objects: dict[ObjectRef, Sums] = field(default_factory=dict)
    days: dict[tuple[ObjectRef, date], Sums] = field(default_factory=dict)
    hours: dict[tuple[ObjectRef, datetime], Sums] = field(default_factory=dict)


def roll_up(entries: Iterable[Entry]) -> Rollup:
    """Sum ``entries``; days are those of the site's time zone, hours those of UTC."""
    rollup = Rollup()
    for entry in entries:
        ref, ms = entry.ref, entry.ms
        hour = datetime.fromtimestamp(ms // 3_600_000 * 3600, UTC)
        rollup.objects.setdefault(ref, Sums()).add(entry.views, entry.unique, ms)
        rollup.days.setdefault((ref, days.at(ms).day), Sums()).add(entry.views, entry.unique_today, ms)
        rollup.hours.setdefault((ref, hour), Sums()).add(entry.views, entry.unique, ms)
    return rollup
