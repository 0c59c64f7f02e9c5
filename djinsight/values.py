"""Values: what the elements of an object's statistics say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from django.utils import dateformat, timezone

from djinsight.beacons.refs import ObjectRef
from djinsight.counting import days
from djinsight.page import Page, find_object

COUNTS = ("total_views", "unique_views", "views_today")
PERIODS = ("views_week", "views_month")
TIMES = ("first_viewed_at", "last_viewed_at")
UNKNOWN = "\N{EN DASH}"  # the text of a period whose views the database does not tell
ALL = (*COUNTS, *PERIODS, *TIMES)


class Values(dict[str, str]):
    """The texts of one object's statistics, by their places in a skeleton. Made once for all tags of a page.

    Those of the periods, which take a query, when the first of them is asked for.
    """

    def __init__(self, page: Page, ref: ObjectRef, context: Any) -> None:
        self.ref = ref
        self._page = page
        snapshot = page.snapshot(ref, context)
        # The times that there are: a template says something else where there is none.
        first, first_text = _time(snapshot.first_viewed_ms, *page.calendar)
        last, last_text = _time(snapshot.last_viewed_ms, *page.calendar)
        self.times = bool(first), bool(last)
        super().__init__(
            {
                "ref": str(ref),
                "watch": page.watch_token(ref),
                "total_views.digits": str(snapshot.total_views),
                "total_views.text": page.text(snapshot.total_views),
                "unique_views.digits": str(snapshot.unique_views),
                "unique_views.text": page.text(snapshot.unique_views),
                "views_today.digits": str(snapshot.views_today),
                "views_today.text": page.text(snapshot.views_today),
                "views_today.version": str(snapshot.version),
                "first_viewed_at.datetime": first,
                "first_viewed_at.text": first_text,
                "last_viewed_at.datetime": last,
                "last_viewed_at.text": last_text,
            }
        )

    @classmethod
    def of(cls, page: Page, obj: Any, context: Any) -> Values | None:
        """Those of ``obj``, or of the page's object; None where there is none, or no right to see its numbers."""
        known: Values | None = page.values.get(id(obj))
        return cls._of_found(page, find_object(context, obj), context) if known is None else known

    @classmethod
    def _of_found(cls, page: Page, obj: Any, context: Any) -> Values | None:
        known: Values | None = page.values.get(id(obj))
        if known is None and obj is not None and page.shows_statistics:
            ref = page.ref_of(obj)  # which keeps the object: its id is nobody else's meanwhile
            if ref is not None:
                known = page.values[id(obj)] = cls(page, ref, context)
        return known

    def __missing__(self, place: str) -> str:
        views, total = self._page.views(self.ref), self["total_views.digits"]
        if not views.known:
            # No digits and no total: the script leaves such a number as it is.
            places = [f"{stat}.{field}" for stat in PERIODS for field in ("digits", "total")]
            self.update(dict.fromkeys(places, ""), **{f"{stat}.text": UNKNOWN for stat in PERIODS})
            return self[place]
        texts = {
            "views_week.digits": str(views.week),
            "views_week.text": self._page.text(views.week),
            "views_week.total": total,
            "views_month.digits": str(views.month),
            "views_month.text": self._page.text(views.month),
            "views_month.total": total,
        }
        self.update(texts)
        return texts[place]

    def shape_of(self, stats: Iterable[str]) -> tuple[bool, ...]:
        """Return which of the values of ``stats`` there are: a template says something else where there is none."""
        periods = (self[f"{stat}.digits"] != "" for stat in stats if stat in PERIODS)
        return *self.times, *periods

    def fields_of(self, stats: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What a template is given, by statistic: the ref, the name, the token, the text, and

        - of a count ``number``, and ``digits`` for an attribute; of a period's ``total``, the digits of the total that
          it belongs to; of today's ``version``, the digits of the snapshot's: by it a page knows
          which of two numbers is newer, as this one may go down;
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


# 30 us each, and a page of fifty objects has a hundred of them, most of which it had when it was rendered before.
@lru_cache(maxsize=4096)
def _time(ms: int | None, zone: tzinfo, form: str, language: str | None) -> tuple[str, str]:
    """A time in ISO 8601, and as people read it in ``zone``, by a format of Django's, in the active ``language``."""
    when = days.to_datetime(ms)
    if when is None:
        return "", ""
    return when.isoformat(timespec="milliseconds"), dateformat.format(timezone.localtime(when, zone), form)
