"""The form of Wagtail's page editor, as a browser sends it."""

from __future__ import annotations

from typing import Any


def form_data(editor: Any) -> dict[str, Any]:
    """Return the data that a browser would send of the form in the response ``editor``."""
    form = editor.context["form"]
    data = {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0}
    for field in form:
        value = field.value()
        data[field.html_name] = "" if value is None else value
    return data
