"""Wiring."""

from __future__ import annotations

from django.apps import AppConfig
from django.db import close_old_connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DjinsightConfig(AppConfig):
    name = "djinsight"
    label = "djinsight"
    verbose_name = _("Page views")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from djinsight import checks, schedule
        from djinsight.counting import persistence
        from djinsight.history import deletion, persisted

        checks.register()
        deletion.connect()
        persistence.use(persisted.load, close_old_connections, persisted.identify)
        post_migrate.connect(schedule.create_periodic_tasks, sender=self, dispatch_uid="djinsight.schedule")
