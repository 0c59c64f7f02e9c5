"""Commands: run management commands in this process and return their output; ``gates`` runs them in another one."""

from __future__ import annotations

import io
from typing import Any

from django.core.management import call_command


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def run(name: str, *arguments: str, stream: io.StringIO | None = None, **options: Any) -> str:
    """Run a command as in a pipe, or on ``stream``, and return its output."""
    stream = io.StringIO() if stream is None else stream
    call_command(name, *arguments, stdout=stream, stderr=stream, **options)
    return stream.getvalue()
