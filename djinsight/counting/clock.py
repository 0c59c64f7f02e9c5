"""The clock: Redis's time decides, because all servers of a site share it.

The names of keys are made by the clock of this machine. A script that finds them wrong by Redis's time does nothing and
replies with that time. The caller then retries with the right names.
"""

from __future__ import annotations

from typing import Any

from djinsight import days
from djinsight.exceptions import CountingUnavailable

TRIES = 4  # calls in a row; a reply at the very end of a day may be too late for the next call


def agrees(reply: Any) -> bool:
    """Return whether a script found the names of keys right; if not, adjust the clock by its reply.

    Args:
        reply: A script's reply: a time (Unix ms) as an integer if the names were wrong.
    """
    if isinstance(reply, int):
        days.adjust(reply)
        return False
    return True


def unsteady() -> CountingUnavailable:
    """Return the error for a caller that has tried ``TRIES`` times."""
    return CountingUnavailable("expected a steady clock of Redis, but each call found another day")
