"""``{% load djinsight_tags %}``: each tag reads what it shows through ``djinsight.pages``, and renders its template."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from django import template
from django.apps import apps
from django.conf import settings
from django.db import Error
from django.db.models import Model
from django.template import Context
from django.utils.html import escape
from django.utils.safestring import SafeString

from djinsight.beacons import tokens
from djinsight.counting import capturing
from djinsight.metrics import METRICS, MORE, Metric
from djinsight.pages import chart, precompiled, values
from djinsight.pages.finding import UNSET, Unset, find_object, sought
from djinsight.pages.numbers import abbreviate
from djinsight.pages.page import Page
from djinsight.pages.script import is_new_place, place_tags
from djinsight.tracked.refs import ref_of_saved
from djinsight.tracked.registry import is_tracked_model

register = template.Library()
logger = logging.getLogger(__name__)


@register.simple_tag(takes_context=True)
def page_view_tracker(
    context: Context, obj: Model | Unset | None = UNSET, async_load: bool = True, debug: bool = False
) -> SafeString:
    """Count a view of the page's object when the page is seen."""
    found = find_object(context, obj)
    ref = ref_of_saved(found) if found is not None else None
    page = Page.of(context)
    if ref is None:
        note = _note(context, obj, "page_view_tracker") if debug else ""
        html = _render(context, "page_view_tracker", {"debug_note": note})
        return html if html.strip() else _unfound(context, obj, "page_view_tracker")
    why = page.uncounted()
    if why:
        return _render(context, "page_view_tracker", {"debug_note": f"djinsight: {why}" if debug else ""})
    capturing.rendered(ref)
    data = {"ref": ref, "token": tokens.mint("view", ref), "number": page.number}
    html = _render(context, "page_view_tracker", data)
    return html + _script(context, page, async_load=async_load, debug=debug)


@register.simple_tag(takes_context=True)
def page_stats_display(
    context: Context, obj: Model | Unset | None = UNSET, show_unique: bool = True, refresh_interval: int | None = None
) -> SafeString:
    """How often, by how many, and when the object was viewed, as a list."""
    names = ("total_views", "unique_views", *values.TIMES) if show_unique else ("total_views", *values.TIMES)
    return _statistics(context, obj, "page_stats_display", *names, refresh_interval=refresh_interval)


@register.simple_tag(takes_context=True)
def live_stats_counter(
    context: Context, obj: Model | Unset | None = UNSET, show_unique: bool = True, refresh_interval: int | None = 30
) -> SafeString:
    """Total and, with ``show_unique``, unique views; polled every ``refresh_interval`` s where sockets do not work."""
    names = ("total_views", "unique_views") if show_unique else ("total_views",)
    return _statistics(context, obj, "live_stats_counter", *names, refresh_interval=refresh_interval)


@register.simple_tag(takes_context=True)
def page_analytics_widget(context: Context, obj: Model | Unset | None = UNSET, period: str = "week") -> SafeString:
    """All numbers of the object, and a chart of the days of this ``"week"`` or ``"month"``.

    Raises TemplateSyntaxError for another period.
    """
    if period not in chart.PERIODS:
        raise template.TemplateSyntaxError(f'page_analytics_widget: expected "week" or "month" but got {period!r}')
    page = Page.of(context)
    shown = page.values(obj, context)
    if shown is None:
        return _unfound(context, obj, "page_analytics_widget")
    drawn = chart.draw(page, shown.ref, period, context)
    fields = shown.fields_of(values.ALL)
    more = [(metric.label, fields[metric.name]) for metric in MORE]
    data = {"values": fields, "more": more, "period": period, "chart": drawn}
    return _render(context, "page_analytics_widget", data) + _script(context, page)


def _register_stat(metric: Metric) -> None:
    """Register ``{% <tag>_stat %}`` for ``metric``, whose template is that of its name, or ``stat.html``."""
    name = f"{metric.tag or metric.name}_stat"

    def stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
        return _statistics(context, obj, name, metric.name, label=metric.label)

    stat.__doc__ = f"Show the {metric.name} of an object."
    register.simple_tag(stat, takes_context=True, name=name)


for _metric in METRICS:
    _register_stat(_metric)


@register.simple_tag(takes_context=True)
def views_week_stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
    """How often the object was viewed since Monday."""
    return _statistics(context, obj, "views_week_stat", "views_week")


@register.simple_tag(takes_context=True)
def views_month_stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
    """How often the object was viewed since the first of the month."""
    return _statistics(context, obj, "views_month_stat", "views_month")


@register.simple_tag(takes_context=True)
def djinsight_script(context: Context) -> SafeString:
    """The script, where the page wants it; no other tag of the page brings it then."""
    page = Page.of(context)
    data = {} if page.script_is_placed else {"script": page.script()}
    page.script_is_placed = True
    return _render(context, "djinsight_script", data)


@register.simple_tag(takes_context=True)
def load_view_stats(context: Context, objects: Iterable[Any]) -> str:
    """Read the numbers of ``objects`` (a queryset, list or page) at once, before the tags that show them."""
    page = Page.of(context)
    if page.shows_statistics:
        page.load(page.refs_of(objects or ()))
    return ""


@register.simple_tag(takes_context=True)
def wagtail_page_view_tracker(
    context: Context, page: Model | Unset | None = UNSET, async_load: bool = True, debug: bool = False
) -> SafeString:
    """``page_view_tracker`` of a Wagtail page."""
    html = page_view_tracker(context, page, async_load, debug)
    return html or _unfound(context, page, "wagtail_page_view_tracker", "page")


@register.simple_tag(takes_context=True)
def wagtail_page_stats_display(
    context: Context,
    page: Model | Unset | None = UNSET,
    show_unique: bool = True,
    refresh_interval: int | None = None,
) -> SafeString:
    """``page_stats_display`` of a Wagtail page."""
    html = page_stats_display(context, page, show_unique, refresh_interval)
    return html or _unfound(context, page, "wagtail_page_stats_display", "page")


@register.simple_tag(takes_context=True)
def wagtail_page_analytics_widget(
    context: Context, page: Model | Unset | None = UNSET, period: str = "week"
) -> SafeString:
    """``page_analytics_widget`` of a Wagtail page."""
    return page_analytics_widget(context, page, period) or _unfound(
        context, page, "wagtail_page_analytics_widget", "page"
    )


@register.simple_tag(takes_context=True)
def most_viewed(context: Context, model: str, limit: int = 10, days: int | None = None, by: str = "views") -> list[Any]:
    """Return the most viewed objects of ``model`` for a loop: ``{% most_viewed "blog.article" days=7 as popular %}``.

    They are those that the model shows to everybody (``ranking.shown``). Empty for a visitor who may not see numbers,
    and while the database does not answer. Raises TemplateSyntaxError for arguments that cannot work.
    """
    try:
        found = apps.get_model(model)
    except (LookupError, ValueError, AttributeError) as error:
        raise template.TemplateSyntaxError(f'most_viewed: expected a model like "blog.article" ({error})') from error
    if not is_tracked_model(found):
        raise template.TemplateSyntaxError(f"most_viewed: {found._meta.label} does not have PageViewStatisticsMixin")
    if by != "views":
        raise template.TemplateSyntaxError(f'most_viewed: expected by="views" but got {by!r}')
    if not Page.of(context).shows_statistics:
        return []
    try:
        ranked: list[Any] = found.most_viewed(limit, days=days)
    except (TypeError, ValueError) as error:
        raise template.TemplateSyntaxError(f"most_viewed: {error}") from error
    except Error:
        logger.warning("The most viewed of %s are not shown: their database does not answer", model, exc_info=True)
        return []
    return ranked


@register.filter
def format_view_count(value: Any) -> Any:
    """999 -> ``999``, 1234 -> ``1.2K``, 3400000 -> ``3.4M``; what is not a number comes back unchanged."""
    return abbreviate(value)


def _statistics(context: Context, obj: Any, name: str, *stats: str, **options: Any) -> SafeString:
    """Return the template ``name`` with the values of ``stats``, or nothing without an object that may be shown."""
    page = Page.of(context)
    values = page.values(obj, context)
    if values is None:
        return _unfound(context, obj, name)
    here = name, page.formats  # a block around the tag may have a language or a zone of its own
    html = precompiled.render(lambda: _template(context, name), here, values, stats, options, page.precompiled)
    return html + _script(context, page)


class Comment(SafeString):
    """Renders, and yet counts as nothing: a template with ``{% if %}`` does under DEBUG what it will do without."""

    def __bool__(self) -> bool:
        return False


def _unfound(context: Context, obj: Any, tag: str, argument: str = "obj") -> SafeString:
    """Nothing; under DEBUG a comment, where the reason is that there is no object."""
    note = _note(context, obj, tag, argument) if settings.DEBUG else ""
    return Comment(f"<!-- {note} -->") if note else SafeString()


def _note(context: Context, obj: Any, tag: str, argument: str = "obj") -> SafeString:
    """What ``tag`` looked for in vain, fit for an HTML comment; ``""`` where there is a saved object."""
    where = sought(context, obj, argument)
    text = f"djinsight: {tag} found no saved object whose model has PageViewStatisticsMixin. It {where}."
    return SafeString(re.sub("-(?=-)", "- ", escape(text)) if where else "")


def _script(context: Context, page: Page, **options: Any) -> SafeString:
    """Return the script for the place of the tag that renders, empty if it has one or was placed by hand."""
    if page.script_is_placed or not is_new_place(context) or page.is_foreign():
        return SafeString()
    return _render(context, "script", {"script": page.script(**options)})


def _render(context: Context, name: str, data: dict[str, Any]) -> SafeString:
    html: SafeString = _template(context, name).render(Context(data))
    return html


def _template(context: Context, name: str) -> Any:
    assert context.template is not None  # it is what renders this tag
    names = [f"djinsight/{name}.html"]
    if name.endswith("_stat"):
        names.append("djinsight/stat.html")
    return context.template.engine.select_template(names)


place_tags(register)
