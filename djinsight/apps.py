"""App: the configuration that wires the rooms together."""

from __future__ import annotations

from django.apps import AppConfig
from django.db import close_old_connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DjinsightConfig(AppConfig):
    """The Django app ``djinsight``."""

    name = "djinsight"
    label = "djinsight"
    verbose_name = _("Page views")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, connect the signals, and give ``counting`` its access to the tables."""
        from djinsight import checks, schedule
        from djinsight.counting import baseline
        from djinsight.history import baseline as history_baseline
        from djinsight.history import deletion

        checks.register()
        deletion.connect()
        baseline.use(history_baseline.load, close_old_connections, history_baseline.identify)
        post_migrate.connect(schedule.create_periodic_tasks, sender=self, dispatch_uid="djinsight.schedule")
