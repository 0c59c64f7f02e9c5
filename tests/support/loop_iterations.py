"""Turns of the event loop: everything that can run without the outside, runs."""

from __future__ import annotations

from collections.abc import Generator


class _Turn:
    def __await__(self) -> Generator[None]:
        yield


async def settled(turns: int = 20) -> None:
    """Let everything run that is ready, and what that makes ready."""
    for _ in range(turns):
        await _Turn()
