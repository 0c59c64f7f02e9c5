"""Access: the permissions to see numbers in Wagtail's admin, and Wagtail's page model and policy."""

from __future__ import annotations

from typing import Any

from wagtail import VERSION

from djinsight.pages.permission import may_see_statistics


def page_model() -> Any:
    """Return Wagtail's page model; from Wagtail 8.0 on, the model that the project has configured instead."""
    if VERSION < (8, 0):
        from wagtail.models import Page

        return Page
    import swapper

    return swapper.load_model("wagtailcore", "Page")


def page_policy() -> Any:
    """Return Wagtail's permission policy for pages."""
    from wagtail import permissions

    if VERSION < (8, 0):
        return permissions.page_permission_policy
    return permissions.policy_registry.get_by_type(page_model())


def may_see_report(user: Any) -> bool:
    """Return whether ``user`` may see views and may explore at least one page."""
    return may_see_statistics(user) and page_policy().explorable_root_instance(user) is not None
