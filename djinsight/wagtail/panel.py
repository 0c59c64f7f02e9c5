"""The side panel with the views of a page, and the edit views that show it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import MediaContainer
from wagtail.admin.ui.side_panels import BaseSidePanel
from wagtail.admin.views.pages.edit import EditView

from djinsight.pages.permission import may_see_statistics
from djinsight.tracked.registry import is_tracked


class ViewsSidePanel(BaseSidePanel):  # type: ignore[misc]
    """Shows all numbers of the page, live, and a chart of the month, by the tag ``page_analytics_widget``."""

    class SidePanelToggle(BaseSidePanel.SidePanelToggle):  # type: ignore[misc]
        aria_label = _("Toggle views")
        icon_name = "view"
        has_counter = False

    class Media:
        css = {"all": ["djinsight_wagtail/side_panel.css"]}

    name = "views"
    title = _("Views")
    template_name = "djinsight_wagtail/side_panel.html"
    order = 500


class ViewsPanelMixin:
    """Adds the side panel to an edit view, for pages with the mixin and users with the permission to see views."""

    def get_side_panels(self) -> MediaContainer:
        panels = super().get_side_panels()  # type: ignore[misc]
        view: Any = self
        # After a save in the background, the editor updates only the panels that the save can have changed.
        partial = view.expects_json_response or view.hydrate_create_view
        if not partial and is_tracked(view.page) and may_see_statistics(view.request.user):
            panels.append(ViewsSidePanel(view.page, view.request))
        return panels


class ViewsEditView(ViewsPanelMixin, EditView):  # type: ignore[misc]
    """The editor of page types without a view set of their own."""
