"""Management commands run by tests: in this process with its streams kept, or in one of its own that takes signals."""

from __future__ import annotations

import io
from typing import Any

from django.core.management import call_command

from tests.processes import Process


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(name: str, *arguments: str, stream: io.StringIO | None = None, **options: Any) -> str:
    """Run a command as piped, or on ``stream``; what it wrote."""
    stream = io.StringIO() if stream is None else stream
    call_command(name, *arguments, stdout=stream, stderr=stream, **options)
    return stream.getvalue()


def started(name: str, *arguments: str) -> Process:
    """The command in a process of its own, on the database and the Redis of the test."""
    return Process("-m", "django", name, *arguments)
