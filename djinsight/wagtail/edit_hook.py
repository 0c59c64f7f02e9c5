"""The editor hook for Wagtail 7.4: answers with an editor that has the side panel.

Before 8.0, Wagtail has no setting for the view of the page editor. But its hook ``before_edit_page`` may answer the
request. Here it does so with a subclass of the requested view that adds the panel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse

from djinsight.pages.permission import may_see_statistics
from djinsight.tracked.registry import is_tracked
from djinsight.wagtail.panel import ViewsPanelMixin

HOOK = "before_edit_page"
LAST = 10_000  # the order of this hook, so that hooks of other apps run, or answer, before it


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
    """Skips ``HOOK`` in the editor that answers inside of it, because the outer editor has run all hooks."""

    def run_hook(self, hook_name: str, *args: Any, **kwargs: Any) -> HttpResponse | None:
        if hook_name == HOOK:
            return None
        response: HttpResponse | None = super().run_hook(hook_name, *args, **kwargs)  # type: ignore[misc]
        return response


@lru_cache(maxsize=64)  # Wagtail has two such views, to edit a page and to revert it; a site may have more
def _with_panel(view_class: Any) -> Any:
    return type(
        view_class.__name__, (_HooksHaveRun, ViewsPanelMixin, view_class), {"__module__": view_class.__module__}
    )
