"""Loop iterations: let the event loop run all that needs no outside event."""

from __future__ import annotations

from collections.abc import Generator


class _Turn:
    def __await__(self) -> Generator[None]:
        yield


async def settled(turns: int = 20) -> None:
    """Let all ready callbacks run, and those that they make ready, for ``turns`` loop iterations."""
    for _ in range(turns):
        await _Turn()
