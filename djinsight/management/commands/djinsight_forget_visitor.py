"""``python manage.py djinsight_forget_visitor VISITOR``: delete all data of a visitor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight import api
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    """Deletes all data of a visitor."""

    help = "Delete the log rows of a visitor, and its data in Redis. The numbers of objects stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("visitor", help="the visitor, as in the log")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        self.confirm(f"Delete all data of the visitor {options['visitor']}?", options["yes"])
        try:
            deleted = api.forget_visitor(options["visitor"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Deleted {deleted:,} log rows.")
