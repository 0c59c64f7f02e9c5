"""Tags of ``{% load djinsight_tags %}``: each reads its numbers through ``djinsight.pages`` and renders its template.

A tag's docstring is for template authors. ``django.contrib.admindocs`` leaves out a last paragraph that has the form of
headers, as "Args:" has. So an example follows the arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django import template
from django.apps import apps
from django.db import Error
from django.db.models import Model
from django.template import Context
from django.utils.safestring import SafeString

from djinsight.beacons import tokens
from djinsight.counting import capturing
from djinsight.metrics import METRICS, MORE, Metric
from djinsight.pages import chart, rendering, values
from djinsight.pages.finding import UNSET, Unset, find_object
from djinsight.pages.numbers import abbreviate
from djinsight.pages.page import Page
from djinsight.pages.places import place_tags
from djinsight.tracked.refs import ref_of_saved
from djinsight.tracked.registry import is_tracked_model

register = template.Library()
logger = logging.getLogger(__name__)


@register.simple_tag(takes_context=True)
def page_view_tracker(
    context: Context, obj: Model | Unset | None = UNSET, async_load: bool = True, debug: bool = False
) -> SafeString:
    """Count a view of an object when a visitor sees the page.

    The tag shows nothing, and renders the script if the page needs it. Without ``obj``, it counts a view of the page's
    object: the first tracked one among ``page``, ``object``, ``article``, ``post``, ``item`` and ``self`` in the
    context. With ``obj=None`` it counts nothing.

    Args:
        obj: The object; without it the page's.
        async_load: The browser does not wait for the script; False loads it in order with the page's other scripts.
        debug: The script writes to the browser's console, and the tag renders an HTML comment if it counts nothing.

    For example, ``{% page_view_tracker obj=story debug=True %}``.
    """
    found = find_object(context, obj)
    ref = ref_of_saved(found) if found is not None else None
    page = Page.of(context)
    if ref is None:
        note = rendering.note(context, obj, "page_view_tracker") if debug else ""
        html = rendering.render(context, "page_view_tracker", {"debug_note": note})
        return html if html.strip() else rendering.unfound(context, obj, "page_view_tracker")
    why = page.uncounted()
    if why:
        return rendering.render(context, "page_view_tracker", {"debug_note": f"djinsight: {why}" if debug else ""})
    capturing.rendered(ref)
    data = {"ref": ref, "token": tokens.mint("view", ref), "number": page.number}
    html = rendering.render(context, "page_view_tracker", data)
    return html + rendering.script(context, page, async_load=async_load, debug=debug)


@register.simple_tag(takes_context=True)
def page_stats_display(
    context: Context, obj: Model | Unset | None = UNSET, show_unique: bool = True, refresh_interval: int | None = None
) -> SafeString:
    """Show views, visitors, and the times of the first and the last view of an object, as a list, live.

    If sockets do not work, the page polls. The shortest interval of a page is that of all its numbers. It is at most a
    day, and 30 seconds if no tag has one.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.
        show_unique: Show the number of visitors.
        refresh_interval: Seconds between two polls.

    For example, ``{% page_stats_display refresh_interval=60 %}``.
    """
    names = ("total_views", "unique_views", *values.TIMES) if show_unique else ("total_views", *values.TIMES)
    return rendering.statistics(context, obj, "page_stats_display", *names, refresh_interval=refresh_interval)


@register.simple_tag(takes_context=True)
def live_stats_counter(
    context: Context, obj: Model | Unset | None = UNSET, show_unique: bool = True, refresh_interval: int | None = 30
) -> SafeString:
    """Show views and visitors of an object in one line, live. Screen readers announce changes.

    If sockets do not work, the page polls. The shortest interval of a page is that of all its numbers, at most a day.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.
        show_unique: Show the number of visitors.
        refresh_interval: Seconds between two polls.

    For example, ``{% live_stats_counter show_unique=False refresh_interval=10 %}``.
    """
    names = ("total_views", "unique_views") if show_unique else ("total_views",)
    return rendering.statistics(context, obj, "live_stats_counter", *names, refresh_interval=refresh_interval)


@register.simple_tag(takes_context=True)
def page_analytics_widget(context: Context, obj: Model | Unset | None = UNSET, period: str = "week") -> SafeString:
    """Show all numbers of an object, live, and a chart of the days of this week or this month.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.
        period: ``"week"`` (from Monday on) or ``"month"`` (from the first on), in the site's time zone.

    Raises:
        TemplateSyntaxError: The period is another one.

    For example, ``{% page_analytics_widget period="month" %}``.
    """
    if period not in chart.PERIODS:
        raise template.TemplateSyntaxError(f'page_analytics_widget: expected "week" or "month" but got {period!r}')
    page = Page.of(context)
    shown = page.values(obj, context)
    if shown is None:
        return rendering.unfound(context, obj, "page_analytics_widget")
    drawn = chart.draw(page, shown.ref, period, context)
    known = rendering.known_to_script(context, page, "page_analytics_widget", shown, values.ALL)
    fields = shown.fields_of(values.ALL, known)
    more = [(metric.label, fields[metric.name]) for metric in MORE]
    data = {"values": fields, "more": more, "period": period, "chart": drawn}
    return rendering.render(context, "page_analytics_widget", data) + rendering.script(context, page)


def _register_stat(metric: Metric) -> None:
    """Register ``{% <tag>_stat %}`` for ``metric``. Its template is the one of that name, or ``stat.html``."""
    name = metric.tag

    def stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
        return rendering.statistics(context, obj, name, metric.name, label=metric.label)

    stat.__doc__ = f"""Show the {metric.name} of an object, live.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.

    For example, ``{{% {name} obj=story %}}``.
    """
    register.simple_tag(stat, takes_context=True, name=name)


for _metric in METRICS:
    _register_stat(_metric)


@register.simple_tag(takes_context=True)
def views_week_stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
    """Show the views of an object since Monday in the site's time zone, live.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.

    For example, ``{% views_week_stat obj=story %}``.
    """
    return rendering.statistics(context, obj, "views_week_stat", "views_week")


@register.simple_tag(takes_context=True)
def views_month_stat(context: Context, obj: Model | Unset | None = UNSET) -> SafeString:
    """Show the views of an object since the first of the month in the site's time zone, live.

    Args:
        obj: The object; without it the page's, as ``page_view_tracker`` finds it.

    For example, ``{% views_month_stat obj=story %}``.
    """
    return rendering.statistics(context, obj, "views_month_stat", "views_month")


@register.simple_tag(takes_context=True)
def djinsight_script(context: Context) -> SafeString:
    """Place the script by hand. No later tag of the page renders it then."""
    page = Page.of(context)
    if page.script_is_placed:
        return rendering.render(context, "djinsight_script", {})
    page.script_is_placed = True
    return rendering.script_element(context, page, "djinsight_script")


@register.simple_tag(takes_context=True)
def load_view_stats(context: Context, objects: Iterable[Any]) -> str:
    """Read the numbers of many objects at once, before the tags that show them. The tag shows nothing.

    Args:
        objects: A queryset, list or page of objects.

    For example, ``{% load_view_stats stories %}``.
    """
    page = Page.of(context)
    if page.shows_statistics:
        page.load(page.refs_of(objects or ()))
    return ""


@register.simple_tag(takes_context=True)
def wagtail_page_view_tracker(
    context: Context, page: Model | Unset | None = UNSET, async_load: bool = True, debug: bool = False
) -> SafeString:
    """Count a view of a Wagtail page, as ``page_view_tracker`` does.

    Args:
        page: The page; without it the page of the context.
        async_load: As ``page_view_tracker`` has it.
        debug: As ``page_view_tracker`` has it.

    For example, ``{% wagtail_page_view_tracker %}``.
    """
    html = page_view_tracker(context, page, async_load, debug)
    return html or rendering.unfound(context, page, "wagtail_page_view_tracker", "page")


@register.simple_tag(takes_context=True)
def wagtail_page_stats_display(
    context: Context,
    page: Model | Unset | None = UNSET,
    show_unique: bool = True,
    refresh_interval: int | None = None,
) -> SafeString:
    """Show the numbers of a Wagtail page as a list, as ``page_stats_display`` does.

    Args:
        page: The page; without it the page of the context.
        show_unique: Show the number of visitors.
        refresh_interval: Seconds between two polls, as ``page_stats_display`` has them.

    For example, ``{% wagtail_page_stats_display %}``.
    """
    html = page_stats_display(context, page, show_unique, refresh_interval)
    return html or rendering.unfound(context, page, "wagtail_page_stats_display", "page")


@register.simple_tag(takes_context=True)
def wagtail_page_analytics_widget(
    context: Context, page: Model | Unset | None = UNSET, period: str = "week"
) -> SafeString:
    """Show all numbers of a Wagtail page and a chart, as ``page_analytics_widget`` does.

    Args:
        page: The page; without it the page of the context.
        period: ``"week"`` or ``"month"``.

    For example, ``{% wagtail_page_analytics_widget period="month" %}``.
    """
    return page_analytics_widget(context, page, period) or rendering.unfound(
        context, page, "wagtail_page_analytics_widget", "page"
    )


@register.simple_tag(takes_context=True)
def most_viewed(context: Context, model: str, limit: int = 10, days: int | None = None, by: str = "views") -> list[Any]:
    """Return the most viewed objects of a model for a loop, the most viewed one first.

    Only objects that the model shows to all visitors are among them: what ``published()``, ``live()`` and ``public()``
    of its manager give, if it has them. The list is empty for a visitor that may not see numbers, and while the
    database does not answer.

    Args:
        model: The label of the model, such as ``"blog.article"``.
        limit: The most objects, from 1 to 1,000.
        days: Rank by the views of so many days, today included; without it by all views.
        by: ``"views"``.

    Raises:
        TemplateSyntaxError: An argument has another value.

    For example, ``{% most_viewed "blog.article" days=7 as popular %}``.
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
        logger.warning(
            "The most viewed objects of %s are not shown, as their database does not answer. Check it.",
            model,
            exc_info=True,
        )
        return []
    return ranked


@register.filter
def format_view_count(value: Any) -> Any:
    """Shorten a number: 999 to ``999``, 1234 to ``1.2K``, 3400000 to ``3.4M``. Other values stay unchanged."""
    return abbreviate(value)


place_tags(register)
