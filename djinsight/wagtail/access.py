"""Who may see numbers in Wagtail's admin."""

from __future__ import annotations

from typing import Any

import swapper
from wagtail.permissions import policy_registry

from djinsight.page import may_see_statistics


def page_model() -> Any:
    """Wagtail's page model, or the one that the project has in its place."""
    return swapper.load_model("wagtailcore", "Page")


def page_policy() -> Any:
    """Who may do what with which pages."""
    return policy_registry.get_by_type(page_model())


def may_see_report(user: Any) -> bool:
    """Return whether ``user`` may see views, and may explore any page."""
    return may_see_statistics(user) and page_policy().explorable_root_instance(user) is not None
