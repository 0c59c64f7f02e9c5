"""Metrics: the numbers that are kept of each object, one entry each.

Scripts, snapshots, frames, rollups, tables, columns, tags and admin pages loop over the entries. A new number of views
is one more entry behind the others, with ``counts``, and a migration that adds its columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """What a value of a metric is."""

    COUNT = "count"  # a number of views; it only grows
    TIME = "time"  # the time of a view (Unix ms), None before the first view


class Adds(StrEnum):
    """How the values of single views add up, and those of days to that of a longer time."""

    SUM = "sum"  # each view adds 0 or 1; a month has the sum of its days
    DISTINCT = "distinct"  # a visitor adds 1 once; a month has less than the sum of its days
    DAY = "day"  # the sum of today's views; it begins again at midnight
    FIRST = "first"  # the earliest
    LAST = "last"  # the latest


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of an object.

    Attributes:
        name: Its name on the wire, in tables and queries, as ``data-djinsight-stat`` and in ``Snapshot.get``.
        label: Its name for people.
        kind: Whether it is a number of views or a time.
        adds: How values add up.
        key: The kind of the Redis key that holds it, as ``keys.RefKeys`` has it; without one it is a field of the hash
            of ``viewed``.
        counts: Returns if a view (``counting.entries.View``) counts, for a number that the recorder decides. The
            scripts decide the others.
        hourly: If the hourly summaries have it.
        tag: The name of its template tag without ``_stat``.
    """

    name: str
    label: Any  # a string, translated when it is shown
    kind: Kind
    adds: Adds
    key: str = ""
    counts: Callable[[Any], bool] | None = None
    hourly: bool = False
    tag: str = ""


TOTAL = Metric("total_views", _("total views"), Kind.COUNT, Adds.SUM, key="counter", hourly=True, tag="total_views")
UNIQUE = Metric("unique_views", _("unique views"), Kind.COUNT, Adds.DISTINCT, key="unique_counter", tag="unique_views")
TODAY = Metric("views_today", _("views today"), Kind.COUNT, Adds.DAY, key="day", tag="views_today")
FIRST = Metric("first_viewed_at", _("first viewed"), Kind.TIME, Adds.FIRST, key="viewed", tag="first_viewed")
LAST = Metric("last_viewed_at", _("last viewed"), Kind.TIME, Adds.LAST, key="viewed", tag="last_viewed")

METRICS: tuple[Metric, ...] = (
    # In this order: the scripts make these.
    *(TOTAL, UNIQUE, TODAY, FIRST, LAST),
)

MORE = tuple(metric for metric in METRICS if metric.counts is not None)  # decided by the recorder
COUNTS = (TOTAL, UNIQUE, *MORE)  # columns of totals and days
TIMES = (FIRST, LAST)
HOURLY = tuple(metric for metric in COUNTS if metric.hourly)
PLACES = {metric.name: place for place, metric in enumerate(METRICS)}
NO_MORE = (0,) * len(MORE)

MAX_MORE = 40  # each is a bit of an entry's flags, which Lua holds exactly


def bits(view: Any) -> int:
    """Return a number with the bit of each metric of ``MORE`` that ``view`` counts for, the first one lowest."""
    found = 0
    for place, metric in enumerate(MORE):
        if metric.counts is not None and metric.counts(view):
            found |= 1 << place
    return found
