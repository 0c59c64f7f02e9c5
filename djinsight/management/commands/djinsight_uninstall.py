"""``python manage.py djinsight_uninstall``: delete everything that djinsight has made, before it is removed."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connections

from djinsight import database, schedule
from djinsight.doctor import inventory
from djinsight.management import removal
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    """Deletes periodic tasks, tables and keys."""

    help = "Delete djinsight's periodic tasks, tables and keys in Redis. Stop the site's servers and workers first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        self.confirm("Delete djinsight's tables and everything that it has counted?", options["yes"])
        for alias in connections:
            for name in schedule.delete_periodic_tasks(alias):
                self.stdout.write(f"Deleted the periodic task {name}.")
        rows, keys = removal.remove_all()
        call_command("migrate", "djinsight", "zero", database=database.alias(), verbosity=0, interactive=False)
        keys += inventory.delete_all()  # views that were counted since, and the mark of this site
        self.stdout.write(f"Deleted {rows:,} rows with their tables, and {keys:,} keys.")
        self.stdout.write("Now remove djinsight from INSTALLED_APPS, URLs, routing, templates, models and settings.")
