"""Values: what the element of one statistic says."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format

from djinsight.beacons.refs import ObjectRef
from djinsight.counting import days
from djinsight.page import Page

COUNTS = ("total_views", "unique_views", "views_today")
PERIODS = ("views_week", "views_month")
TIMES = ("first_viewed_at", "last_viewed_at")
ALL = (*COUNTS, *PERIODS, *TIMES)


def value(page: Page, ref: ObjectRef, stat: str, context: Any) -> dict[str, Any]:
    """The fields of ``stat``: the ref, the name, the text, the token, and

    - of a count ``number``, and ``digits`` for an attribute; of a period's ``total``, the digits of the total that
      it belongs to;
    - of a time ``datetime``, in ISO 8601; empty like the text where there was no view.
    """
    known = page.values.get((ref, stat))
    if known is None:
        known = page.values[ref, stat] = _fields(page, ref, stat, context)
    return known


def _fields(page: Page, ref: ObjectRef, stat: str, context: Any) -> dict[str, Any]:
    snapshot = page.snapshot(ref, context)
    fields: dict[str, Any] = {"ref": str(ref), "stat": stat, "watch": page.watch_token(ref)}
    if stat in TIMES:
        when = days.to_datetime(getattr(snapshot, stat.replace("_at", "_ms")))
        fields["datetime"] = when.isoformat(timespec="milliseconds") if when else ""
        fields["text"] = date_format(timezone.localtime(when), "DATETIME_FORMAT") if when else ""
        return fields
    if stat in PERIODS:
        number = getattr(page.views(ref, context), stat.removeprefix("views_"))
        fields["total"] = str(snapshot.total_views)
    else:
        number = getattr(snapshot, stat)
    fields["number"] = number
    fields["digits"] = str(number)
    text = page.texts.get(number)
    if text is None:
        text = page.texts[number] = number_format(number, force_grouping=True)
    fields["text"] = text
    return fields
