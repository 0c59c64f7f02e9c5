"""Values: what the element of one statistic says."""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from typing import Any

from django.utils import dateformat, timezone, translation
from django.utils.formats import get_format, number_format

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
      it belongs to; of today's ``version``, the digits of the snapshot's: by it a page knows
      which of two numbers is newer, as this one may go down;
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
        ms = getattr(snapshot, stat.replace("_at", "_ms"))
        how = timezone.get_current_timezone(), str(get_format("DATETIME_FORMAT")), translation.get_language()
        fields["datetime"], fields["text"] = ("", "") if ms is None else _time(ms, *how)
        return fields
    if stat in PERIODS:
        number = getattr(page.views(ref, context), stat.removeprefix("views_"))
        fields["total"] = str(snapshot.total_views)
    else:
        number = getattr(snapshot, stat)
    if stat == "views_today":
        fields["version"] = str(snapshot.version)
    fields["number"] = number
    fields["digits"] = str(number)
    text = page.texts.get(number)
    if text is None:
        text = page.texts[number] = number_format(number, force_grouping=True)
    fields["text"] = text
    return fields


# 30 us each, and a page of fifty objects has a hundred of them, most of which it had when it was rendered before.
@lru_cache(maxsize=4096)
def _time(ms: int, zone: tzinfo, form: str, language: str | None) -> tuple[str, str]:
    """A time in ISO 8601, and as people read it in ``zone``, by a format of Django's, in the active ``language``."""
    when = days.to_datetime(ms)
    return when.isoformat(timespec="milliseconds"), dateformat.format(timezone.localtime(when, zone), form)
