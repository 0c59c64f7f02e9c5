"""The editor's form, as a browser sends it."""

from __future__ import annotations

from typing import Any


def form_data(editor: Any) -> dict[str, Any]:
    """What the browser would send of the editor's form."""
    form = editor.context["form"]
    data = {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0}
    for field in form:
        value = field.value()
        data[field.html_name] = "" if value is None else value
    return data
