"""Progress of a command: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

from typing import Any

WIDTH = 30  # characters of the bar


class Progress:
    """Counts up to ``total``, and shows a bar on a terminal or a line for each tenth on another ``stream``.

    Args:
        stream: The command's output.
        unit: The plural name of what is counted.
        total: The expected number.
    """

    def __init__(self, stream: Any, unit: str, total: int) -> None:
        self.done = 0
        self.total = total
        self._stream = stream
        self._unit = unit
        self._moves = stream.isatty()
        self._shown = 0

    def add(self, number: int) -> None:
        """Add to the number that is done, and show it."""
        self.done += number
        if self._moves:
            self._stream.write(f"\r{self._bar()} {self}", ending="")
            self._stream.flush()
        elif self.total and self.done * 10 // self.total > self._shown:
            self._shown = self.done * 10 // self.total
            self._stream.write(str(self))

    def close(self) -> None:
        """End the line of the bar, so that the next output starts on a line of its own."""
        if self._moves and self.done:
            self._stream.write("")

    def __str__(self) -> str:
        # More than the expected total is done if views arrive during the run.
        return f"{self.done:,} of {max(self.done, self.total):,} {self._unit}"

    def _bar(self) -> str:
        full = WIDTH if self.done >= self.total else WIDTH * self.done // self.total
        return f"[{'#' * full}{'.' * (WIDTH - full)}]"
