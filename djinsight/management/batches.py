"""Commands that work in batches: what they take for options, and how they stop and fail."""

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

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it: 128 + SIGINT


class BatchCommand(BaseCommand):
    """A command that ends with its batch on Ctrl-C, and says in one line what it could not reach.

    A batch is a transaction, so that a command that is killed at any moment has done whole batches too.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ForeignDataSet as error:
            raise CommandError(f"{str(error).capitalize()}. {error.hint}") from error
        except (redis.RedisError, CountingUnavailable) as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer, or refuses: {error}") from error

    def until_interrupted(self, batches: Iterable[T]) -> Iterator[T]:
        """``batches``, until Ctrl-C: then no next one is begun. A second Ctrl-C ends at once.

        Raises CommandError with exit status 130 after what was begun is done.
        """
        interrupted = False

        def stop(*signal_and_frame: Any) -> None:
            nonlocal interrupted
            interrupted = True
            signal.signal(signal.SIGINT, before)

        if threading.current_thread() is not threading.main_thread():
            yield from batches  # signals are the main thread's
            return
        before = signal.signal(signal.SIGINT, stop)
        try:
            for batch in batches:
                yield batch
                if interrupted:
                    raise CommandError("Interrupted; what was begun is done.", returncode=INTERRUPTED)
        finally:
            signal.signal(signal.SIGINT, before)

    def confirm(self, question: str, yes: bool) -> None:
        """Ask, unless ``yes``. Raises CommandError where the answer is no, or nobody is there to give it."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to ask: give --yes.")
        if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was deleted.")


def whole(low: int, high: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from ``low`` to ``high``."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:12]) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low:,} to {high:,} but got {text[:40]!r}")
        return int(text)

    return number


MAX_DAYS = 36_500
number_of_days = whole(1, MAX_DAYS)
