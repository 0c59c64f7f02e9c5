"""Metrics: the numbers that are kept for each object, one entry each.

Scripts, snapshots, frames, rollups, tables, columns, tags and admin pages loop over the entries. A new number of views
is one more entry after the others, with ``counts``, and a migration that adds its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """The kind of a metric's values."""

    COUNT = "count"  # a number of views; it only grows
    TIME = "time"  # the time of a view (Unix ms), None before the first view


class Adds(StrEnum):
    """The rule by which values of views add up, and values of days add up to that of a longer period."""

    SUM = "sum"  # each view adds 0 or 1; a month is the sum of its days
    DISTINCT = "distinct"  # a visitor adds 1 once; a month may be less than the sum of its days
    DAY = "day"  # the number of today's views; it is 0 again at midnight
    FIRST = "first"  # the earliest time
    LAST = "last"  # the latest time


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of an object.

    Attributes:
        name: Its name on the wire, in tables and queries, as ``data-djinsight-stat`` and in ``Snapshot.get``.
        label: Its name as people see it.
        kind: A number of views or a time.
        adds: The rule by which its values add up.
        key: The field of ``keys.RefKeys`` that names its Redis key; if it is empty, the metric is a field of the hash
            ``viewed``.
        counts: For a number that the recorder decides: returns True if a view (``counting.entries.View``) counts. The
            scripts decide the other numbers.
        hourly: True if the hourly summaries have it.
    """

    name: str
    label: Any  # a string, translated when it is shown
    kind: Kind
    adds: Adds
    key: str = ""
    counts: Callable[[Any], bool] | None = None
    hourly: bool = False

    @property
    def tag(self) -> str:
        """The name of its template tag."""
        return f"{self.name.removesuffix('_at')}_stat"


TOTAL = Metric("total_views", _("total views"), Kind.COUNT, Adds.SUM, key="counter", hourly=True)
UNIQUE = Metric("unique_views", _("unique views"), Kind.COUNT, Adds.DISTINCT, key="unique_counter")
TODAY = Metric("views_today", _("views today"), Kind.COUNT, Adds.DAY, key="day")
FIRST = Metric("first_viewed_at", _("first viewed"), Kind.TIME, Adds.FIRST, key="viewed")
LAST = Metric("last_viewed_at", _("last viewed"), Kind.TIME, Adds.LAST, key="viewed")

METRICS: tuple[Metric, ...] = (
    # The order in which the scripts return these.
    *(TOTAL, UNIQUE, TODAY, FIRST, LAST),
)

MORE = tuple(metric for metric in METRICS if metric.counts is not None)  # decided by the recorder
# The columns of the tables. Totals have both, days have counts.
COUNTS = tuple(metric for metric in METRICS if metric.kind is Kind.COUNT and metric.adds is not Adds.DAY)
TIMES = tuple(metric for metric in METRICS if metric.kind is Kind.TIME)
HOURLY = tuple(metric for metric in COUNTS if metric.hourly)
PLACES = {metric.name: place for place, metric in enumerate(METRICS)}
NO_MORE = (0,) * len(MORE)

MAX_MORE = 40  # further metrics: each is a bit of an entry's flags, a number that Lua has to hold exactly


def names(metrics: Iterable[Metric]) -> list[str]:
    """Return the names of ``metrics``, in their order."""
    return [metric.name for metric in metrics]


def bits(view: Any) -> int:
    """Return a number with a bit set for each metric of ``MORE`` that ``view`` counts for, the first one lowest."""
    found = 0
    for place, metric in enumerate(MORE):
        if metric.counts is not None and metric.counts(view):
            found |= 1 << place
    return found
