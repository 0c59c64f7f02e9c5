"""Who may see numbers in Wagtail's admin."""

from __future__ import annotations

from typing import Any

import swapper
from wagtail.permissions import policy_registry

from djinsight.conf import conf

PERMISSION = "djinsight.view_pageviewstatistics"


def page_model() -> Any:
    """Wagtail's page model, or the one that the project has in its place."""
    return swapper.load_model("wagtailcore", "Page")


def page_policy() -> Any:
    """Who may do what with which pages."""
    return policy_registry.get_by_type(page_model())


def may_see_views(user: Any) -> bool:
    """Whether ``user`` has the permission to view statistics; with ``DJINSIGHT_ADMIN_ONLY`` also is of the staff."""
    return bool(user.has_perm(PERMISSION) and (user.is_staff or not conf.admin_only))


def may_see_report(user: Any) -> bool:
    """Whether ``user`` may see views, and there is a page that they may explore."""
    return may_see_views(user) and page_policy().explorable_root_instance(user) is not None
