"""``python manage.py djinsight_set_totals blog.article:5 --total-views 100``: correct the numbers of an object."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight import api
from djinsight.history.corrections import MAX_TOTAL
from djinsight.management.batches import BatchCommand, whole
from djinsight.management.objects import expect, ref


class Command(BatchCommand):
    """Corrects the totals of an object."""

    help = "Set the number of views of an object until now. Its log and its sums by day and hour do not change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ref", type=ref, help="the object, like blog.article:5")
        parser.add_argument("--total-views", type=whole(0, MAX_TOTAL), metavar="N")
        parser.add_argument("--unique-views", type=whole(0, MAX_TOTAL), metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        total, unique = options["total_views"], options["unique_views"]
        if total is None and unique is None:
            raise CommandError("Give --total-views, --unique-views or both.")
        expect(options["ref"])
        try:
            set_to = api.set_totals(options["ref"], total_views=total, unique_views=unique)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['ref']}: {set_to.total_views:,} views, {set_to.unique_views:,} of them unique.")
