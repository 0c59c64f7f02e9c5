"""``python manage.py djinsight_reset``: delete everything that was counted, and start from 0."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from djinsight.management import removal
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    """Deletes everything that was counted."""

    help = "Delete everything that was counted, from the database and from Redis, and count from 0."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        self.confirm("Delete everything that djinsight has counted?", options["yes"])
        rows, keys = removal.remove_all()
        self.stdout.write(f"Deleted {rows:,} rows and {keys:,} keys.")
