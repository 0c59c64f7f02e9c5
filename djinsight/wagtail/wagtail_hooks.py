"""The hooks that register the app's parts with Wagtail."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import include, path, reverse
from django.utils.translation import gettext_lazy as _
from wagtail import VERSION, hooks
from wagtail.admin.menu import MenuItem

from djinsight.pages.permission import STATISTICS_PERMISSION
from djinsight.wagtail import urls
from djinsight.wagtail.access import may_see_report, page_model

if VERSION >= (8, 0):
    from djinsight.wagtail.viewsets import ViewsPageViewSet

    @hooks.register("register_admin_viewset")  # type: ignore[untyped-decorator]
    def register_page_viewset() -> ViewsPageViewSet:
        """Return the view set of pages with the side panel."""
        return ViewsPageViewSet(model=page_model())

else:
    from djinsight.wagtail.edit_hook import HOOK, LAST, edit_with_views

    hooks.register(HOOK, edit_with_views, order=LAST)


@hooks.register("register_admin_urls")  # type: ignore[untyped-decorator]
def register_report_urls() -> list[Any]:
    """Return the URLs of the report."""
    return [path("reports/", include(urls))]


class MostViewedMenuItem(MenuItem):  # type: ignore[misc]
    """The menu item of the report, shown to users who may see it."""

    def is_shown(self, request: HttpRequest) -> bool:
        return may_see_report(request.user)


@hooks.register("register_reports_menu_item")  # type: ignore[untyped-decorator]
def register_report_menu_item() -> MenuItem:
    """Return the item of the menu "Reports"."""
    url = reverse("djinsight_wagtail:most_viewed")
    return MostViewedMenuItem(_("Most viewed pages"), url, name="most-viewed-pages", icon_name="view", order=1250)


@hooks.register("register_permissions")  # type: ignore[untyped-decorator]
def register_permission() -> QuerySet[Permission]:
    """Return the permission to see views, which Wagtail then offers for groups."""
    app_label, codename = STATISTICS_PERMISSION.split(".")
    return Permission.objects.filter(content_type__app_label=app_label, codename=codename)
