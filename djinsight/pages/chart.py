"""Charts: draw the days of a period as bars, on the server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format

from djinsight import days
from djinsight.pages.formats import Formats
from djinsight.pages.page import Page
from djinsight.statistics.periods import PERIODS, Period, began
from djinsight.tracked.refs import ObjectRef

__all__ = ["PERIODS", "Bar", "Chart", "Label", "draw"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One day that has begun.

    ``x`` is the left edge in slots, ``height`` the number of views; both are in the chart's own units.
    """

    day: date
    x: str
    height: str
    total: str
    unique: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The text under a slot. ``x`` is the middle of the slot, in percent of the chart's width."""

    x: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as its template draws it. Numbers for attributes are strings, so that no locale changes them."""

    ref: str
    first: date
    last: date
    day: str  # the number of today, which is the last bar
    format: str  # of its numbers, for the script (pages/formats.py)
    slots: str
    highest: str
    bars: list[Bar]
    labels: list[Label]


def draw(page: Page, ref: ObjectRef, period: Period, context: Any) -> Chart:
    """Return the chart of this week or this month: a slot for each day, and a bar for each day up to today.

    If the database does not answer, the chart has one bar, today's.

    Args:
        page: The page that shows the chart.
        ref: The object.
        period: ``"week"`` or ``"month"``.
        context: The template's context.
    """
    snapshot = page.snapshot(ref, context)
    today = days.date_of(snapshot.day)
    first = began(period, today)
    last = _last(period, first)
    persisted = page.daily(ref, first, today, context)
    views = {**persisted, today: (snapshot.views_today, persisted.get(today, (0, 0))[1])}
    slots = (last - first).days + 1
    return Chart(
        ref=str(ref),
        first=first,
        last=last,
        day=str(snapshot.day),
        format=page.formats.of_numbers,
        slots=str(slots),
        highest=str(max(1, *(total for total, _ in views.values()))),
        bars=[_bar(page.formats, (day - first).days, day, *counts, day == today) for day, counts in views.items()],
        labels=list(_labels(period, first, slots)),
    )


def _bar(formats: Formats, n: int, day: date, total: int, unique: int, is_today: bool) -> Bar:
    return Bar(day, f"{n}.15", str(total), formats.number(total), formats.number(unique), is_today)


def _labels(period: Period, first: date, slots: int) -> Iterable[Label]:
    for n in range(slots):
        day = first + timedelta(days=n)
        if period == "week" or n % 7 == 0:
            yield Label(f"{(n + 0.5) * 100 / slots:.2f}%", date_format(day, "D" if period == "week" else "j"))


def _last(period: Period, first: date) -> date:
    if period == "week":
        return first + timedelta(days=6)
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
