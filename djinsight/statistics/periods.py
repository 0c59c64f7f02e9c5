"""Periods: read the views of this week, of this month, and of each day of a period, from the daily summaries.

Weeks begin on Monday. Days are calendar days in the site's time zone, also when its clocks change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal, get_args

from django.apps import apps
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from djinsight import database, days
from djinsight.counting.outside import outside_loop
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of

Period = Literal["week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
Days = dict[date, tuple[int, int]]  # total and unique views by day


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one object in this calendar week and month, today included.

    If ``known`` is False, the database did not answer, and both are the views of today.
    """

    week: int = 0
    month: int = 0
    known: bool = True


def began(period: Period, today: date) -> date:
    """Return the first day of the period that has ``today``: a Monday, or the first of a month.

    Raises:
        ValueError: The period is neither ``"week"`` nor ``"month"``.
    """
    if period == "week":
        return today - timedelta(days=today.weekday())
    if period == "month":
        return today.replace(day=1)
    raise ValueError(f'expected "week" or "month" but got {period!r}')


def read(snapshots: Mapping[ObjectRef, Snapshot]) -> dict[ObjectRef, Views]:
    """Return the views of many objects: the persisted views of the days before today plus today's live number.

    This takes one query. Views from before midnight are included when they are persisted, seconds later if a worker
    runs. The sum cannot be derived from the total: the total includes views that never became rows, so these would
    count in every later week.
    """
    if not snapshots:
        return {}
    number = max(each.day for each in snapshots.values())
    today = days.date_of(number)
    known = True
    try:
        persisted = outside_loop(_sums, list(snapshots), began("week", today), began("month", today), today)
    except CountingUnavailable:
        known, persisted = False, {}
    found = {}
    for ref, snapshot in snapshots.items():
        week, month = persisted.get(ref, (0, 0))
        live = snapshot.views_today if snapshot.day == number else 0
        found[ref] = Views(week + live, month + live, known)
    return found


def daily_of(refs: Collection[ObjectRef], first: date, last: date) -> dict[ObjectRef, Days]:
    """Return the persisted total and unique views of each day from ``first`` to ``last``, with one query.

    Days without views have zeros. If the database does not answer, there are no days.
    """
    try:
        return outside_loop(_daily_of, list(refs), first, last)
    except CountingUnavailable:
        return {ref: {} for ref in refs}


def _daily_of(refs: Sequence[ObjectRef], first: date, last: date) -> dict[ObjectRef, Days]:
    summaries = apps.get_model("djinsight", "PageViewSummary")
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found: dict[ObjectRef, Days] = {ref: dict.fromkeys(span, (0, 0)) for ref in refs}
    with database.reading():
        by_key, where = rows_of(found)
        if by_key:
            rows = summaries.objects.filter(where, date__range=(first, last)).values_list(
                "content_type_id", "object_id", "date", "total_views", "unique_views"
            )
            for type_id, object_id, day, total, unique in rows:
                found[by_key[type_id, object_id]][day] = total, unique
    return found


def _sums(refs: Sequence[ObjectRef], monday: date, first: date, today: date) -> dict[ObjectRef, tuple[int, int]]:
    """Return the persisted views since ``monday`` and since ``first``, both without today's."""
    with database.reading():
        by_key, where = rows_of(refs)
        if not by_key:
            return {}
        rows = _with_sums(monday, first, today).filter(where)
        return {
            by_key[type_id, object_id]: (week, month)
            for type_id, object_id, week, month in rows.values_list("content_type_id", "object_id", "week", "month")
        }


@lru_cache(maxsize=2)  # building the query takes longer than running it for fifty objects
def _with_sums(week: date, month: date, today: date) -> Any:
    statistics = apps.get_model("djinsight", "PageViewStatistics")
    return statistics.objects.annotate(week=_sum_of(week, today), month=_sum_of(month, today))


def _sum_of(first: date, end: date) -> Any:
    summaries = apps.get_model("djinsight", "PageViewSummary")
    of_object = summaries.objects.filter(
        content_type=OuterRef("content_type"), object_id=OuterRef("object_id"), date__gte=first, date__lt=end
    )
    total = of_object.order_by().values("object_id").annotate(n=Sum("total_views")).values("n")
    return Coalesce(Subquery(total), 0)
