"""The views of a page in its editor: a side panel, and the edit view that has it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.components import MediaContainer
from wagtail.admin.ui.side_panels import BaseSidePanel
from wagtail.admin.views.pages.edit import EditView

from djinsight.pages.permission import may_see_statistics
from djinsight.tracked.registry import is_tracked


class ViewsSidePanel(BaseSidePanel):  # type: ignore[misc]
    """All numbers of the page, live, and a chart of the month: what ``page_analytics_widget`` shows."""

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
    """For the edit views of pages: adds the side panel for pages with the mixin, for users who may see views."""

    def get_side_panels(self) -> MediaContainer:
        panels = super().get_side_panels()  # type: ignore[misc]
        view: Any = self
        # After a save in the background the editor takes only what that save can have changed.
        partial = view.expects_json_response or view.hydrate_create_view
        if not partial and is_tracked(view.page) and may_see_statistics(view.request.user):
            panels.append(ViewsSidePanel(view.page, view.request))
        return panels


class ViewsEditView(ViewsPanelMixin, EditView):  # type: ignore[misc]
    """The editor of pages whose type has no view set of its own."""
