"""Permission to see statistics."""

from __future__ import annotations

from typing import Any

STATISTICS_PERMISSION = "djinsight.view_pageviewstatistics"


def may_see_statistics(user: Any) -> bool:
    """Return if ``user`` has the permission to view page view statistics, also as a superuser or from a group."""
    has_perm = getattr(user, "has_perm", None)  # a user model without permissions has no such method
    return bool(has_perm is not None and user.is_active and has_perm(STATISTICS_PERMISSION))
