"""``python manage.py process_pageviews``: write what is counted to the database, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight.history import persist, refusal_counts, stream
from djinsight.management.batches import BatchCommand, whole
from djinsight.management.progress import Progress
from djinsight.upgrade import leftovers
from djinsight.upgrade.objects import tracked_labels


class Command(BatchCommand):
    help = "Write what is counted to the database, now. Also takes in, once, what djinsight 0.x has left in Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=whole(1, persist.MAX_ENTRIES),
            default=persist.MAX_ENTRIES,
            help=f"views a transaction, 1 to {persist.MAX_ENTRIES:,} (default)",
        )
        parser.add_argument(
            "--model", default="", help="blog.article: whose objects older counters without a model are about"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        model: str = options["model"].lower()
        labels = tracked_labels()
        if model and not labels:
            raise CommandError(
                f"Expected no --model but got {model!r}: no installed model has PageViewStatisticsMixin and the whole "
                "numbers as primary keys that djinsight 0.x counted by."
            )
        if model and model not in labels:
            raise CommandError(f"Expected --model to be one of {', '.join(labels)} but got {model!r}.")
        self.drain(options["batch_size"])
        refusal_counts.move()
        self.take_in(options["batch_size"], model)

    def drain(self, limit: int) -> None:
        drained = persist.Drained()
        progress = Progress(self.stdout, "views", stream.pending())
        try:
            for part in self.until_interrupted(persist.batches(limit)):
                drained.add(part)
                progress.add(part.entries)
        finally:
            progress.close()
            self.stdout.write(f"Persisted {drained.views:,} views.")
            if drained.dead_letters:
                self.stderr.write(f"{drained.dead_letters:,} entries cannot be stored: see process_deadletters.")
            for loss in drained.losses:
                self.stderr.write(loss)

    def take_in(self, limit: int, model: str) -> None:
        taken = leftovers.Taken()
        try:
            for part in self.until_interrupted(leftovers.take_in(min(limit, 1000), model)):
                taken.add(part)
        finally:
            if taken.records or taken.views or taken.sessions:
                self.stdout.write(
                    f"Taken in from the older layout: {taken.records:,} records, {taken.views:,} views that only "
                    f"counters knew of, {taken.sessions:,} sessions."
                )
            if taken.unreadable:
                self.stderr.write(f"{taken.unreadable:,} older records cannot be read, and stay until they expire.")
            if taken.unknown:
                self.stderr.write(
                    f"{taken.unknown:,} older keys stay: there is no such object, or several models have one with that "
                    "key and --model is to say which."
                )
