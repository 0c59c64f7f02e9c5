"""Commands that work in batches: their options, and how they stop and fail."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import redis
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from djinsight.exceptions import CountingUnavailable, ForeignDataSet

T = TypeVar("T")

INTERRUPTED = 130  # exit status after Ctrl-C, as in shells: 128 + SIGINT


class BatchCommand(BaseCommand):
    """A command that ends after its current batch on Ctrl-C, and reports an unreachable service in one line.

    A batch is a transaction, so a command that is killed has also done whole batches only.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command, and turn errors of Redis and the database into a CommandError of one line."""
        try:
            return super().execute(*args, **options)
        except ForeignDataSet as error:
            raise CommandError(f"{str(error).capitalize()}. {error.hint}") from error
        except (redis.RedisError, CountingUnavailable) as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer, or refuses: {error}") from error

    def until_interrupted(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield from ``batches`` until Ctrl-C, which ends the command after the current batch.

        A second Ctrl-C ends it at once.

        Raises:
            CommandError: After Ctrl-C, with exit status 130.
        """
        interrupted = False

        def stop(*signal_and_frame: Any) -> None:
            nonlocal interrupted
            interrupted = True
            signal.signal(signal.SIGINT, before)

        if threading.current_thread() is not threading.main_thread():
            yield from batches  # only the main thread receives signals
            return
        before = signal.signal(signal.SIGINT, stop)
        try:
            for batch in batches:
                yield batch
                if interrupted:
                    raise CommandError("Interrupted after the current batch.", returncode=INTERRUPTED)
        finally:
            signal.signal(signal.SIGINT, before)

    def confirm(self, question: str, yes: bool) -> None:
        """Ask the user for confirmation, unless ``yes``.

        Raises:
            CommandError: The answer is no, or there is no terminal to ask at.
        """
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Expected a terminal to ask for confirmation, or --yes.")
        if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from ``low`` to ``high``."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:12]) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low:,} to {high:,} but got {text[:40]!r}")
        return int(text)

    return number


MAX_DAYS = 36_500
number_of_days = whole(1, MAX_DAYS)
