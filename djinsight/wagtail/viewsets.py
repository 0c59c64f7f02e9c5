"""View sets, for Wagtail 8.0 and later: the view set of pages whose editor has the side panel."""

from __future__ import annotations

from wagtail.admin.viewsets.pages import PageViewSet

from djinsight.wagtail.panel import ViewsEditView


class ViewsPageViewSet(PageViewSet):  # type: ignore[misc]
    """Wagtail's own view set for pages, with the side panel."""

    edit_view_class = ViewsEditView
