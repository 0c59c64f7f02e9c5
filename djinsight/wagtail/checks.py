"""System checks of the app."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core import checks
from wagtail import VERSION

from djinsight.wagtail.most_viewed import tracked_page_types
from djinsight.wagtail.panel import ViewsPanelMixin


def check_editors(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn (W011) of page types with the mixin whose view set has an editor without the side panel."""
    if VERSION < (8, 0):
        return []  # before 8.0 Wagtail has no view sets for pages
    from wagtail.admin.viewsets.pages import page_viewset_registry

    import_module("wagtail.admin.urls")  # Wagtail registers view sets when this module is imported
    hint = "Make its edit_view_class inherit from djinsight.wagtail.panel.ViewsPanelMixin before EditView."
    return [
        checks.Warning(f"The editor of {model._meta.label} shows no views.", hint, model, "djinsight.W011")
        for model in tracked_page_types()
        if not issubclass(page_viewset_registry.get_by_type(model).edit_view_class, ViewsPanelMixin)
    ]
