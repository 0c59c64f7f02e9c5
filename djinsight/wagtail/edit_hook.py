"""Wagtail 7.4: the page editor with the side panel, in place of the one that is about to answer.

Wagtail before 8.0 has no setting for the editor's view. Its hook ``before_edit_page`` may answer the request itself, so
a subclass of the view does, with the panel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse

from djinsight.pages.permission import may_see_statistics
from djinsight.tracked.registry import is_tracked
from djinsight.wagtail.panel import ViewsPanelMixin

HOOK = "before_edit_page"
LAST = 10_000  # the order of a hook: what other apps do before, or answer, comes first


def edit_with_views(request: HttpRequest, page: Any) -> HttpResponse | None:
    """Answer with the editor that has the side panel, if the user may see the views of ``page``."""
    match = request.resolver_match
    view_class = getattr(match.func, "view_class", None) if match else None
    if match is None or view_class is None or not is_tracked(page) or not may_see_statistics(request.user):
        return None
    view = _with_panel(view_class).as_view(**match.func.view_initkwargs)  # type: ignore[attr-defined]
    response: HttpResponse = view(request, *match.args, **match.kwargs)
    return response


class _HooksHaveRun:
    """For an editor inside of the hook: the hooks before it have run already, in the outer one."""

    def run_hook(self, hook_name: str, *args: Any, **kwargs: Any) -> HttpResponse | None:
        if hook_name == HOOK:
            return None
        response: HttpResponse | None = super().run_hook(hook_name, *args, **kwargs)  # type: ignore[misc]
        return response


@lru_cache(maxsize=64)  # an editor, and the one that takes a revision back; a site may have more
def _with_panel(view_class: Any) -> Any:
    return type(
        view_class.__name__, (_HooksHaveRun, ViewsPanelMixin, view_class), {"__module__": view_class.__module__}
    )
