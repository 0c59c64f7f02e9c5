"""``python manage.py djinsight_unschedule``: delete the periodic tasks of this app."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from djinsight import schedule


class Command(BaseCommand):
    """Deletes the periodic tasks."""

    help = "Delete djinsight's periodic tasks in django_celery_beat. While djinsight is installed, migrate adds them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="database of the schedule (default: default)")

    def handle(self, *args: Any, **options: Any) -> None:
        names = schedule.delete_periodic_tasks(options["database"])
        self.stdout.write(f"Deleted {', '.join(names)}." if names else "There are no periodic tasks of djinsight.")
