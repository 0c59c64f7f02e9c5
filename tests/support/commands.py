"""Run management commands in this process and keep their output; ``gates`` runs them in a process of their own."""

from __future__ import annotations

import io
from typing import Any

from django.core.management import call_command


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(name: str, *arguments: str, stream: io.StringIO | None = None, **options: Any) -> str:
    """Run a command as piped, or on ``stream``; what it wrote."""
    stream = io.StringIO() if stream is None else stream
    call_command(name, *arguments, stdout=stream, stderr=stream, **options)
    return stream.getvalue()
