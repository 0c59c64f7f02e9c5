"""Rendering: the HTML of a tag, with the page's script where it is needed, or with a note if there is no object."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.template import Context
from django.utils.html import escape
from django.utils.safestring import SafeString

from djinsight.pages import precompiled, runs
from djinsight.pages.finding import sought
from djinsight.pages.page import Page
from djinsight.pages.places import at, state_of
from djinsight.pages.runs import Known
from djinsight.pages.script import is_new_place
from djinsight.pages.values import TIMES, Values


def statistics(context: Context, obj: Any, name: str, *stats: str, **options: Any) -> SafeString:
    """Return the template ``name`` with the values of ``stats``, or nothing if there is no object to show."""
    page = Page.of(context)
    values = page.values(obj, context)
    if values is None:
        return unfound(context, obj, name)
    here = name, values.formats  # a block around the tag may have a language or a zone of its own
    known = known_to_script(context, page, name, values, stats)
    html = precompiled.render(lambda: _template(context, name), here, values, stats, options, known, page.precompiled)
    return html + script(context, page)


def known_to_script(context: Context, page: Page, name: str, values: Values, stats: tuple[str, ...]) -> Known | None:
    """Return the attributes that the tag ``name`` leaves out, or None if its template has to have all of them.

    Each element of a response to a fetch has all attributes, because a library may take any of them and drop the rest.
    A site's template may show some of its values only, or in another order.
    """
    node = at(context)
    own = page.own.get(name)
    if own is None:
        own = page.own[name] = precompiled.is_own(_template(context, name))
    if not own or page.is_part or node is None or not node.printed:
        return None
    state, formats = state_of(context), values.formats
    shows_number = any(stat not in TIMES for stat in stats)
    token, number = runs.extend(state, node.place, values.ref, formats.of_numbers if shows_number else "")
    return Known(token, number, not node.cached and runs.has_times(state, formats.of_times))


class Comment(SafeString):
    """HTML that is false, so that ``{% if %}`` in a template does the same with DEBUG as without it."""

    def __bool__(self) -> bool:
        return False


def unfound(context: Context, obj: Any, tag: str, argument: str = "obj") -> SafeString:
    """Return nothing, or with DEBUG a comment if there is no saved object."""
    why = note(context, obj, tag, argument) if settings.DEBUG else ""
    return Comment(f"<!-- {why} -->") if why else SafeString()


def note(context: Context, obj: Any, tag: str, argument: str = "obj") -> SafeString:
    """Return why ``tag`` shows nothing, escaped for an HTML comment, or ``""`` if there is a saved object."""
    where = sought(context, obj, argument)
    text = f"djinsight: {tag} found no saved object whose model has PageViewStatisticsMixin. It {where}."
    return SafeString(re.sub("-(?=-)", "- ", escape(text)) if where else "")


def script(context: Context, page: Page, **options: Any) -> SafeString:
    """Return the script for the place of the tag that renders, or nothing if it is there or was placed by hand."""
    if page.script_is_placed or not is_new_place(context) or page.is_foreign():
        return SafeString()
    return script_element(context, page, "script", **options)


def script_element(context: Context, page: Page, name: str, **options: Any) -> SafeString:
    """Return the template ``name`` with the script element."""
    node = at(context)
    if node is not None and node.printed and not node.cached:
        runs.declare_times(state_of(context), page.formats.of_times)
    return render(context, name, {"script": page.script(**options)})


def render(context: Context, name: str, data: dict[str, Any]) -> SafeString:
    """Return the template ``name`` of a tag, rendered with ``data`` alone."""
    html: SafeString = _template(context, name).render(Context(data))
    return html


def _template(context: Context, name: str) -> Any:
    assert context.template is not None  # it renders this tag
    names = [f"djinsight/{name}.html"]
    if name.endswith("_stat"):
        names.append("djinsight/stat.html")
    return context.template.engine.select_template(names)
