"""``python manage.py djinsight_unschedule``: take the periodic tasks of this app away."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from djinsight import schedule


class Command(BaseCommand):
    help = "Delete djinsight's periodic tasks of django_celery_beat. While it is installed, migrate makes them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="where the schedule is (default: default)")

    def handle(self, *args: Any, **options: Any) -> None:
        names = schedule.delete_periodic_tasks(options["database"])
        self.stdout.write(f"Deleted {', '.join(names)}." if names else "There are no periodic tasks of djinsight.")
