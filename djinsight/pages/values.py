"""Values: what the elements of an object's statistics say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from djinsight import days
from djinsight.counting.snapshot import Snapshot
from djinsight.pages.formats import Formats
from djinsight.statistics.periods import Period, Views, began

COUNTS = ("total_views", "unique_views", "views_today")
PERIODS = ("views_week", "views_month")
TIMES = ("first_viewed_at", "last_viewed_at")
UNKNOWN = "\N{EN DASH}"  # the text of a period whose views the database does not tell
ALL = (*COUNTS, *PERIODS, *TIMES)


class Values(dict[str, str]):
    """The strings of one object's statistics, by their places in a precompiled template. A page makes them once.

    Those of the periods take a query, and are made when the first of them is asked for.
    """

    def __init__(self, snapshot: Snapshot, formats: Formats, watch: str, periods: Callable[[], Views]) -> None:
        """Make the strings of ``snapshot``. ``watch`` is a token; ``periods`` reads the views of week and month."""
        self.ref = snapshot.ref
        self._formats = formats
        self._periods = periods
        # The times that there are: a template says something else where there is none.
        first, first_text = formats.time(snapshot.first_viewed_ms)
        last, last_text = formats.time(snapshot.last_viewed_ms)
        self.times = bool(first), bool(last)
        self._today = days.date_of(snapshot.day)
        super().__init__(
            {
                "ref": str(self.ref),
                "watch": watch,
                "total_views.digits": str(snapshot.total_views),
                "total_views.text": formats.number(snapshot.total_views),
                "total_views.format": formats.of_numbers,
                "unique_views.digits": str(snapshot.unique_views),
                "unique_views.text": formats.number(snapshot.unique_views),
                "unique_views.format": formats.of_numbers,
                "views_today.digits": str(snapshot.views_today),
                "views_today.text": formats.number(snapshot.views_today),
                "views_today.format": formats.of_numbers,
                "views_today.version": str(snapshot.version),
                "first_viewed_at.datetime": first,
                "first_viewed_at.text": first_text,
                "first_viewed_at.format": formats.of_times,
                "last_viewed_at.datetime": last,
                "last_viewed_at.text": last_text,
                "last_viewed_at.format": formats.of_times,
            }
        )

    def __missing__(self, place: str) -> str:
        if not place.startswith(PERIODS):
            raise KeyError(place)
        views = self._periods()
        numbers: dict[Period, int] = {"week": views.week, "month": views.month}
        for period, number in numbers.items():
            first = days.number_of(began(period, self._today))
            # If they are not known: no digits and no total, so that the script leaves such a number as it is.
            self[f"views_{period}.digits"] = str(number) if views.known else ""
            self[f"views_{period}.text"] = self._formats.number(number) if views.known else UNKNOWN
            self[f"views_{period}.format"] = self._formats.of_numbers
            self[f"views_{period}.total"] = self["total_views.digits"] if views.known else ""
            self[f"views_{period}.began"] = str(first)
        return self[place]

    def shape_of(self, stats: Iterable[str]) -> tuple[bool, ...]:
        """Return which of the values of ``stats`` there are: a template says something else where there is none."""
        periods = (self[f"{stat}.digits"] != "" for stat in stats if stat in PERIODS)
        return *self.times, *periods

    def fields_of(self, stats: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What a template is given, by statistic: the ref, the name, the token, the text, and

        - ``format``, for the script: how the text was made;
        - of a count ``number``, and ``digits`` for an attribute; of a period's ``total``, the digits of the total that
          it belongs to, and ``began``, those of its first day; of today's ``version``, the digits of the snapshot's:
          by it a page knows which of two numbers is newer, as this one may go down;
        - of a time ``datetime``, in ISO 8601; empty like the text where there was no view.
        """
        return {stat: self._fields(stat) for stat in stats}

    def _fields(self, stat: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"stat": stat, "text": self[f"{stat}.text"]}
        for place, text in self.items():
            of, _, field = place.rpartition(".")
            if of in {"", stat}:
                fields[field] = text
        if "digits" in fields:
            fields["number"] = int(fields["digits"]) if fields["digits"] else ""
        return fields
