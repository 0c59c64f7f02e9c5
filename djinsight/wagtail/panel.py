"""The views of a page in its editor: a side panel, and the edit view that has it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import MediaContainer
from wagtail.admin.ui.side_panels import BaseSidePanel
from wagtail.admin.views.pages.edit import EditView
from wagtail.admin.viewsets.pages import PageViewSet

from djinsight import periods
from djinsight.counting import days, totals
from djinsight.page import is_tracked, ref_of
from djinsight.wagtail.access import may_see_views


class ViewsSidePanel(BaseSidePanel):  # type: ignore[misc]
    """Total and unique views, those of today, this week and this month, and the last one."""

    class SidePanelToggle(BaseSidePanel.SidePanelToggle):  # type: ignore[misc]
        aria_label = _("Toggle views")
        icon_name = "view"
        has_counter = False

    name = "views"
    title = _("Views")
    template_name = "djinsight_wagtail/side_panel.html"
    order = 500

    def get_context_data(self, parent_context: Any) -> dict[str, Any]:
        ref = ref_of(self.object)
        assert ref is not None, "expected a saved page"
        read = totals.read([ref])
        snapshot, views = read[ref], periods.read(read)[ref]
        return {
            **super().get_context_data(parent_context),
            "snapshot": snapshot,
            "views": views,
            "last_viewed_at": days.to_datetime(snapshot.last_viewed_ms),
        }


class ViewsPanelMixin:
    """For the edit views of pages: adds the side panel for pages with the mixin, for users who may see views."""

    def get_side_panels(self) -> MediaContainer:
        panels = super().get_side_panels()  # type: ignore[misc]
        view: Any = self
        # After a save in the background the editor takes only what that save can have changed.
        partial = view.expects_json_response or view.hydrate_create_view
        if not partial and is_tracked(view.page) and may_see_views(view.request.user):
            panels.append(ViewsSidePanel(view.page, view.request))
        return panels


class ViewsEditView(ViewsPanelMixin, EditView):  # type: ignore[misc]
    """The editor of pages whose type has no view set of its own."""


class ViewsPageViewSet(PageViewSet):  # type: ignore[misc]
    """Wagtail's own view set for pages, with the side panel."""

    edit_view_class = ViewsEditView
