"""``python manage.py generate_summaries``: compute daily sums again from the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from djinsight.conf import conf
from djinsight.history import summaries
from djinsight.management.batches import BatchCommand, number_of_days
from djinsight.management.progress import Progress


class Command(BatchCommand):
    """Rebuilds daily summaries from the log."""

    help = "Compute daily summaries again from the log. The views of a day whose log is incomplete are never lowered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=number_of_days, help="number of days, including today (default: DJINSIGHT_CLEANUP_DAYS)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days: int = options["days"] or conf.cleanup_days
        progress = Progress(self.stdout, "days", days)
        written = 0
        try:
            for _, rows in self.until_interrupted(summaries.rebuild(days)):
                written += rows
                progress.add(1)
        finally:
            progress.close()
            self.stdout.write(f"Wrote {written:,} summaries of {progress.done:,} days.")
