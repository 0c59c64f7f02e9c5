"""Values: the strings that the elements of an object's statistics show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from djinsight import days, metrics
from djinsight.counting.snapshot import Snapshot
from djinsight.metrics import METRICS, Kind
from djinsight.pages.formats import Formats
from djinsight.pages.runs import Known
from djinsight.statistics.periods import Period, Views, began

PERIODS = ("views_week", "views_month")
TIMES = tuple(metrics.names(metrics.TIMES))
UNKNOWN = "\N{EN DASH}"  # shown for a period if the database does not answer
# In the order in which people read them.
ALL = tuple(
    name for metric in METRICS for name in ((metric.name, *PERIODS) if metric is metrics.TODAY else (metric.name,))
)


class Values(dict[str, str]):
    """The strings of one object's statistics, by their places in a precompiled template. A page makes them once.

    The strings of the periods need a query, so they are made when the first of them is read.
    """

    def __init__(self, snapshot: Snapshot, formats: Formats, watch: str, periods: Callable[[], Views]) -> None:
        """Make the strings of ``snapshot``.

        Args:
            snapshot: The live numbers of the object.
            formats: The formats of numbers and times.
            watch: The token to watch the numbers.
            periods: Reads the views of the week and the month.
        """
        self.ref = snapshot.ref
        self.formats = formats
        self._periods = periods
        self._today = days.date_of(snapshot.day)
        strings = {"ref": str(self.ref), "watch": watch, "views_today.order": str(snapshot.order_of_today)}
        times: list[bool] = []
        for metric, value in zip(METRICS, snapshot.values(), strict=True):
            name = metric.name
            if metric.kind is Kind.TIME:
                strings[f"{name}.datetime"], strings[f"{name}.text"] = formats.time(value)
                strings[f"{name}.format"] = formats.of_times
                times.append(strings[f"{name}.datetime"] != "")
            else:
                strings[f"{name}.digits"], strings[f"{name}.text"] = str(value), formats.number(value or 0)
                strings[f"{name}.format"] = formats.of_numbers
        self.times = tuple(times)  # if there is a time: without one, a template renders something else
        super().__init__(strings)

    def __missing__(self, place: str) -> str:
        if not place.startswith(PERIODS):
            raise KeyError(place)
        views = self._periods()
        numbers: dict[Period, int] = {"week": views.week, "month": views.month}
        for period, number in numbers.items():
            first = days.number_of(began(period, self._today))
            # If they are not known, there are no digits and no total, so the script leaves the text as it is.
            self[f"views_{period}.digits"] = str(number) if views.known else ""
            self[f"views_{period}.text"] = self.formats.number(number) if views.known else UNKNOWN
            self[f"views_{period}.format"] = self.formats.of_numbers
            self[f"views_{period}.total"] = self["total_views.digits"] if views.known else ""
            self[f"views_{period}.began"] = str(first)
        return self[place]

    def shape_of(self, stats: Iterable[str]) -> tuple[bool, ...]:
        """Return which times and periods of ``stats`` have a value: without one, a template renders something else."""
        periods = (self[f"{stat}.digits"] != "" for stat in stats if stat in PERIODS)
        return *self.times, *periods

    def fields_of(self, stats: Iterable[str], known: Known | None = None) -> dict[str, dict[str, Any]]:
        """Return the variables of a template, by statistic.

        Each statistic has the ``ref``, its name as ``stat``, the token as ``watch``, the ``text``, and:

        - ``format``: the format of the text, for the script;
        - for a count: ``number``, and ``digits`` for an attribute;
        - for a period, besides: ``total``, the digits of the total that belongs to it, and ``began``, the number of
          its first day;
        - for today's views, besides: ``order``, which is greater for a newer number, as the number itself may go down;
        - for a time: ``datetime``, in ISO 8601; it is empty, like the text, if there was no view.

        Args:
            stats: The statistics of the template.
            known: What the script knows already. If it is given, ``watch`` and ``format`` are empty if the script knows
                them, also from an earlier statistic of the template.
        """
        fields = {stat: self._fields(stat) for stat in stats}
        if known is not None:
            _leave_out(fields, known)
        return fields

    def _fields(self, stat: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"stat": stat, "text": self[f"{stat}.text"]}
        for place, text in self.items():
            of, _, field = place.rpartition(".")
            if of in {"", stat}:
                fields[field] = text
        if "digits" in fields:
            fields["number"] = int(fields["digits"]) if fields["digits"] else ""
        return fields


def _leave_out(fields: dict[str, dict[str, Any]], known: Known) -> None:
    """Empty the fields of an element's attributes that the script knows without it."""
    token, number, time = known
    for stat, field in fields.items():
        if token:
            field["watch"] = ""
        token = True
        if stat in TIMES:
            if time and field["datetime"]:  # from a text without a time, the script could not tell the format
                field["format"] = ""
        else:
            if number:
                field["format"] = ""
            number = True
