"""The clock: Redis's, as all servers of a site share it. The names of keys are made after the clock of this machine.

A script that finds the names wrong by its own clock does nothing and answers with the time. It is asked again then,
with the names that are right.
"""

from __future__ import annotations

from typing import Any

from djinsight import days
from djinsight.exceptions import CountingUnavailable

TRIES = 4  # calls in a row; an answer may come at the very end of a day, and be late by then


def agrees(reply: Any) -> bool:
    """Return whether a script found the names right; if not, take its clock for the next moment."""
    if isinstance(reply, int):
        days.adjust(reply)
        return False
    return True


def unsteady() -> CountingUnavailable:
    """The error of who has tried ``TRIES`` times."""
    return CountingUnavailable("expected a steady clock of Redis but it is another day at each call")
