"""``python manage.py cleanup_pageviews``: delete old log rows, and statistics of objects that are gone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from djinsight.conf import conf
from djinsight.history import cleanup, orphans
from djinsight.management.batches import BatchCommand, number_of_days
from djinsight.management.progress import Progress


class Command(BatchCommand):
    """Deletes old log rows, and statistics of objects that are gone, as the task ``djinsight.cleanup`` does."""

    help = (
        "Delete log rows older than a number of days, in batches, and statistics of objects that are gone. Totals, "
        "summaries and hourly sums of other objects stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=number_of_days, help="days to keep (default: DJINSIGHT_CLEANUP_DAYS)")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        parser.add_argument("--dry-run", action="store_true", help="only show how many rows would be deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        days: int = options["days"] or conf.cleanup_days
        total = cleanup.older_than(days).count()
        rows = f"{total:,} log rows older than {days:,} days"
        if not total:
            self.stdout.write(f"There are {rows}, so nothing to delete.")
        elif options["dry_run"]:
            self.stdout.write(f"{rows} would be deleted.")
        else:
            self.confirm(f"Delete {rows}?", options["yes"])
            self.clean_up(days, total)
        if not options["dry_run"] and (forgotten := orphans.forget()):
            self.stdout.write(f"Deleted the statistics of {forgotten:,} objects that are gone.")

    def clean_up(self, days: int, total: int) -> None:
        """Delete log rows older than ``days``, of which there are ``total``."""
        progress = Progress(self.stdout, "log rows", total)
        try:
            for deleted in self.until_interrupted(cleanup.clean_up(days)):
                progress.add(deleted)
        finally:
            progress.close()
            self.stdout.write(f"Deleted {progress.done:,} log rows.")
