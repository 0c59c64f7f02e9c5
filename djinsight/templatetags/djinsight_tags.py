"""``{% load djinsight_tags %}``: each tag is a shell over ``djinsight.page``."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model
from django.utils.formats import number_format

from djinsight.beacons import tokens
from djinsight.conf import conf
from djinsight.numbers import abbreviate
from djinsight.page import Page, find_object, ref_of

register = template.Library()


@register.inclusion_tag("djinsight/page_view_tracker.html", takes_context=True)
def page_view_tracker(
    context: template.Context, obj: Model | None = None, async_load: bool = True, debug: bool = False
) -> dict[str, Any]:
    """Count a view of the page's object when the page is seen."""
    found = find_object(context, obj)
    ref = ref_of(found) if found is not None else None
    if ref is None or not conf.enable_tracking:
        why = "tracking is off" if ref else "no saved object whose model has PageViewStatisticsMixin"
        return {"debug_note": f"djinsight: {why}" if debug else ""}
    page = Page.of(context)
    if page.opted_out():
        return {"debug_note": "djinsight: the browser asks not to be counted" if debug else ""}
    page.identify_visitor()
    return {"ref": ref, "token": tokens.mint("view", ref), **_script(page, async_load=async_load, debug=debug)}


@register.inclusion_tag("djinsight/live_stats_counter.html", takes_context=True)
def live_stats_counter(
    context: template.Context, obj: Model | None = None, show_unique: bool = True, refresh_interval: int | None = 30
) -> dict[str, Any]:
    """Total and, with ``show_unique``, unique views; polled every ``refresh_interval`` s where sockets do not work."""
    names = ("total_views", "unique_views") if show_unique else ("total_views",)
    return {**_statistics(context, obj, *names), "show_unique": show_unique, "refresh_interval": refresh_interval}


@register.inclusion_tag("djinsight/total_views_stat.html", takes_context=True)
def total_views_stat(context: template.Context, obj: Model | None = None) -> dict[str, Any]:
    """How often the object was viewed."""
    return _statistics(context, obj, "total_views")


@register.inclusion_tag("djinsight/unique_views_stat.html", takes_context=True)
def unique_views_stat(context: template.Context, obj: Model | None = None) -> dict[str, Any]:
    """How many visitors viewed the object."""
    return _statistics(context, obj, "unique_views")


@register.filter
def format_view_count(value: Any) -> Any:
    """999 -> ``999``, 1234 -> ``1.2K``, 3400000 -> ``3.4M``; what is not a number comes back unchanged."""
    return abbreviate(value)


def _statistics(context: template.Context, obj: Model | None, *names: str) -> dict[str, Any]:
    """What a statistics template needs; nothing where there is no object, or no right to see its numbers."""
    found = find_object(context, obj)
    ref = ref_of(found) if found is not None else None
    page = Page.of(context)
    if ref is None or not page.shows_statistics():
        return {}
    snapshot = page.snapshot(ref, context)
    values = {}
    for name in names:
        number = getattr(snapshot, name)
        values[name] = {
            "ref": ref,
            "stat": name,
            "number": number,
            "text": number_format(number, force_grouping=True),
            "watch": page.watch_token(ref),
        }
    return {"values": values, **_script(page)}


def _script(page: Page, **options: Any) -> dict[str, Any]:
    """The script, for whichever tag needs it first."""
    return {} if page.has_script else {"script": page.script(**options)}
