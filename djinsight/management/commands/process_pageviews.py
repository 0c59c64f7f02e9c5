"""``python manage.py process_pageviews``: write all pending views to the database now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from djinsight.history import persist, refusal_counts, stream
from djinsight.management.batches import BatchCommand, whole
from djinsight.management.progress import Progress
from djinsight.upgrade import leftovers
from djinsight.upgrade.objects import tracked_labels


class Command(BatchCommand):
    """Drains the stream, and imports the leftovers of 0.x."""

    help = "Write all pending views to the database now. Also import, once, the data that djinsight 0.x left in Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=whole(1, persist.MAX_ENTRIES),
            default=persist.MAX_ENTRIES,
            help=f"views in one transaction, 1 to {persist.MAX_ENTRIES:,} (default)",
        )
        parser.add_argument(
            "--model", default="", help="the model, like blog.article, of counters of djinsight 0.1 that name none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        model: str = options["model"].lower()
        labels = tracked_labels()
        if model and not labels:
            raise CommandError(
                f"Expected no --model but got {model!r}, because no installed model has both PageViewStatisticsMixin "
                "and integer primary keys, which djinsight 0.x required."
            )
        if model and model not in labels:
            raise CommandError(f"Expected --model to be one of {', '.join(labels)} but got {model!r}.")
        self.drain(options["batch_size"])
        refusal_counts.move()
        self.take_in(options["batch_size"], model)

    def drain(self, limit: int) -> None:
        """Persist all pending views, at most ``limit`` in a transaction."""
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
                self.stderr.write(f"{drained.dead_letters:,} entries could not be stored. See process_deadletters.")
            for loss in drained.losses:
                self.stderr.write(loss)

    def take_in(self, limit: int, model: str) -> None:
        """Import the leftovers of 0.x, at most ``limit`` keys in a transaction."""
        taken = leftovers.Taken()
        try:
            for part in self.until_interrupted(leftovers.take_in(min(limit, 1000), model)):
                taken.add(part)
        finally:
            if taken.records or taken.views or taken.sessions:
                self.stdout.write(
                    f"Imported from the older layout: {taken.records:,} records, {taken.views:,} views from "
                    f"counters alone, {taken.sessions:,} sessions."
                )
            if taken.unreadable:
                self.stderr.write(f"{taken.unreadable:,} older records cannot be read, and stay until they expire.")
            if taken.unknown:
                self.stderr.write(
                    f"{taken.unknown:,} older keys stay in Redis. Their objects do not exist, or several models have "
                    "an object with that primary key. In the second case, name the model with --model."
                )
