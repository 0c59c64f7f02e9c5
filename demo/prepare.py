"""Prepare: ``python -m demo.prepare`` makes the tables, the content and a staff user, if they are missing."""

from __future__ import annotations

import os


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
    django.setup()

    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from demo import content
    from demo.staff import PASSWORD, USERNAME

    call_command("check")  # the worker leaves the checks out
    call_command("migrate", verbosity=0)
    content.create()
    if settings.CMS:
        from demo.cms import content as blog

        blog.create()
    users = get_user_model()
    if not users.objects.filter(username=USERNAME).exists():
        users.objects.create_superuser(USERNAME, "editor@example.org", PASSWORD)


if __name__ == "__main__":
    main()
