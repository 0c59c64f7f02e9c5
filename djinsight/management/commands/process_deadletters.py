"""``python manage.py process_deadletters``: list, store or delete dead letters."""

from __future__ import annotations

import argparse
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db.models import Count

from djinsight import database
from djinsight.history import dead_letters
from djinsight.management.batches import BatchCommand
from djinsight.management.progress import Progress
from djinsight.models import DeadLetter

MAX_ERRORS = 20  # errors listed, the most frequent first


class Command(BatchCommand):
    """Lists dead letters, stores them as views, or deletes them."""

    help = "List the stream entries that could not be stored by their errors, store them after all, or delete them."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--replay", action="store_true", help="store entries that can be read now, each exactly once")
        what.add_argument("--drop", action="store_true", help="delete all entries")
        parser.add_argument(
            "--rename",
            action="append",
            type=_renamed,
            default=[],
            metavar="OLD=NEW",
            help="with --replay: the old and the new name of a model, like blog.post=blog.article; may be repeated",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation before deleting")
        parser.add_argument("--dry-run", action="store_true", help="only list the errors")

    def handle(self, *args: Any, **options: Any) -> None:
        total = database.rows(DeadLetter).count()
        if options["rename"] and not options["replay"]:
            raise CommandError("Expected --rename together with --replay.")
        if options["dry_run"] or not total or not (options["replay"] or options["drop"]):
            self.report(total)
        elif options["replay"]:
            self.replay(total, dict(options["rename"]))
        else:
            self.confirm(f"Delete {total:,} dead letters?", options["yes"])
            self.drop(total)

    def report(self, total: int) -> None:
        """Print the number of dead letters by error."""
        self.stdout.write(f"{total:,} dead letters")
        letters = database.rows(DeadLetter)
        errors = letters.values_list("error").annotate(number=Count("pk")).order_by("-number", "error")
        for error, number in errors[:MAX_ERRORS]:
            self.stdout.write(f"{number:>8,}  {error}")

    def replay(self, total: int, renamed: dict[dead_letters.Label, dead_letters.Label]) -> None:
        """Store the dead letters that can be read now. ``renamed`` has the new names of models by the old ones."""
        progress, stored = Progress(self.stdout, "dead letters", total), 0
        try:
            for each, looked_at in self.until_interrupted(dead_letters.replay(renamed)):
                stored += each
                progress.add(looked_at)
        finally:
            progress.close()
            self.stdout.write(f"Stored {stored:,} of {progress.done:,} dead letters.")

    def drop(self, total: int) -> None:
        """Delete all dead letters."""
        progress = Progress(self.stdout, "dead letters", total)
        try:
            for deleted in self.until_interrupted(dead_letters.drop()):
                progress.add(deleted)
        finally:
            progress.close()
            self.stdout.write(f"Deleted {progress.done:,} dead letters.")


def _renamed(text: str) -> tuple[dead_letters.Label, dead_letters.Label]:
    """Parse an argument like ``blog.post=blog.article``; an argparse type."""
    names = [tuple(name.lower().split(".")) for name in text.split("=")]
    if len(names) != 2 or any(len(name) != 2 or not all(name) for name in names):
        raise argparse.ArgumentTypeError(f"expected OLD=NEW, like blog.post=blog.article, but got {text!r}")
    old, new = names
    try:
        apps.get_model(new[0], new[1])
    except LookupError:
        raise argparse.ArgumentTypeError(f"there is no model {'.'.join(new)}") from None
    return (old[0], old[1]), (new[0], new[1])
