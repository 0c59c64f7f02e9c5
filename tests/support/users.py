"""Users: some that may see statistics, and some that may not."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, Permission, User

PERMISSION = "view_pageviewstatistics"

# The kinds of users, with True for those that may see numbers with DJINSIGHT_ADMIN_ONLY.
KINDS = {
    "anonymous": False,
    "a user": False,
    "staff": False,
    "a user with the permission": True,
    "a user whose group has it": True,
    "a superuser": True,
    "one that has left with it": False,
    "a superuser that has left": False,
}


def make(kind: str) -> Any:
    """Return a new user of ``kind``."""
    if kind == "anonymous":
        return AnonymousUser()
    user = User.objects.create_user(
        kind, is_staff=kind == "staff", is_superuser="superuser" in kind, is_active="left" not in kind
    )
    if "group" in kind:
        group = Group.objects.create(name="editors")
        group.permissions.add(_permission())
        user.groups.add(group)
    elif "with" in kind:
        user.user_permissions.add(_permission())
    return user


def _permission() -> Permission:
    return Permission.objects.get(codename=PERMISSION)
