"""``python manage.py djinsight_forget_visitor VISITOR``: delete what is kept of a visitor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight import api
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    help = "Delete log rows of a visitor and what Redis knows of it. The numbers of objects stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("visitor", help="the visitor as the log has it")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        self.confirm(f"Delete what is kept of the visitor {options['visitor']}?", options["yes"])
        try:
            deleted = api.forget_visitor(options["visitor"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Deleted {deleted:,} log rows.")
