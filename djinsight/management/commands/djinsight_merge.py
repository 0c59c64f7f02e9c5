"""``python manage.py djinsight_merge blog.article:5 blog.article:7``: move the views of one object to another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight import api
from djinsight.management.batches import BatchCommand
from djinsight.management.objects import expect, ref


class Command(BatchCommand):
    """Moves the views of one object to another."""

    help = "Move all views of an object to another one: log rows, totals, and sums by day and hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=ref, help="the object whose views move, like blog.article:5")
        parser.add_argument("into", type=ref, help="the object that gets them, like blog.article:7")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        source, into = options["source"], options["into"]
        expect(source, into)
        self.confirm(f"Move all views of {source} to {into}?", options["yes"])
        try:
            totals = api.merge(source, into)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{into}: {totals.total_views:,} views, {totals.unique_views:,} of them unique.")
