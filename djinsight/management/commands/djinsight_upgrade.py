"""``python manage.py djinsight_upgrade``: take over the tables of djinsight 0.3 and 0.4."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from djinsight import database
from djinsight.management.batches import BatchCommand
from djinsight.management.progress import Progress
from djinsight.upgrade import tables


class Command(BatchCommand):
    help = "Take over the tables of djinsight 0.3 and 0.4: in place of migrate, once. Begun again, it goes on."
    requires_system_checks: list[str] = []  # one of them says to run this

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="only say how many rows would be moved")

    def handle(self, *args: Any, **options: Any) -> None:
        if tables.is_too_old():
            raise CommandError(
                "Expected the tables of djinsight 0.3 or 0.4 but got those of 0.1: migrate to 0.4.2 first."
            )
        if not tables.is_needed():
            self.stdout.write("There are no tables of djinsight 0.3 or 0.4: nothing to do.")
            return
        total = tables.rows()
        if options["dry_run"]:
            self.stdout.write(f"{total:,} rows of djinsight 0.x would be moved.")
            return
        if not connections[database.alias()].features.can_rollback_ddl:
            raise CommandError("Expected a database with transactional DDL, as SQLite and PostgreSQL have it.")
        self.confirm(f"Move {total:,} rows of djinsight 0.x into new tables? Is there a backup?", options["yes"])
        progress = Progress(self.stdout, "rows", total)
        try:
            for moved in self.until_interrupted(tables.upgrade()):
                progress.add(moved)
        finally:
            progress.close()
            self.stdout.write(f"Moved {progress.done:,} rows.")
