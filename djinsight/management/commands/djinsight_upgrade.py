"""``python manage.py djinsight_upgrade``: convert the tables of djinsight 0.3 and 0.4."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from djinsight import database
from djinsight.management.batches import BatchCommand
from djinsight.management.progress import Progress
from djinsight.upgrade import tables


class Command(BatchCommand):
    """Moves the rows of older tables into tables of this version."""

    help = "Convert the tables of djinsight 0.3 and 0.4. Run it once, in place of migrate. After a stop, run it again."
    requires_system_checks: list[str] = []  # one of them fails until this command has run

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        parser.add_argument("--dry-run", action="store_true", help="only show how many rows would be moved")

    def handle(self, *args: Any, **options: Any) -> None:
        if tables.is_too_old():
            raise CommandError(
                "Expected the tables of djinsight 0.3 or 0.4 but got those of 0.1. Migrate to 0.4.2 first."
            )
        if not tables.is_needed():
            self.stdout.write("There are no tables of djinsight 0.3 or 0.4, so there is nothing to do.")
            return
        total = tables.rows()
        if options["dry_run"]:
            self.stdout.write(f"{total:,} rows of djinsight 0.x would be moved.")
            return
        if not connections[database.alias()].features.can_rollback_ddl:
            raise CommandError("Expected a database with transactional DDL, such as SQLite or PostgreSQL.")
        self.confirm(f"Move {total:,} rows of djinsight 0.x into new tables? Is there a backup?", options["yes"])
        progress = Progress(self.stdout, "rows", total)
        try:
            for moved in self.until_interrupted(tables.upgrade()):
                progress.add(moved)
        finally:
            progress.close()
            self.stdout.write(f"Moved {progress.done:,} rows.")
