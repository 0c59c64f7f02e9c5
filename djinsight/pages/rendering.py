"""Rendering: the HTML of a tag, with the page's script where it is needed, or with a note if there is no object."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.template import Context
from django.utils.html import escape
from django.utils.safestring import SafeString

from djinsight.pages import precompiled
from djinsight.pages.finding import sought
from djinsight.pages.page import Page
from djinsight.pages.script import is_new_place


def statistics(context: Context, obj: Any, name: str, *stats: str, **options: Any) -> SafeString:
    """Return the template ``name`` with the values of ``stats``, or nothing if there is no object to show."""
    page = Page.of(context)
    values = page.values(obj, context)
    if values is None:
        return unfound(context, obj, name)
    here = name, page.formats  # a block around the tag may have a language or a zone of its own
    html = precompiled.render(lambda: _template(context, name), here, values, stats, options, page.precompiled)
    return html + script(context, page)


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
    return render(context, "script", {"script": page.script(**options)})


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
