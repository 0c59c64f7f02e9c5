"""The length of the fault tests: short by default, long if ``FAULTS_SOAK`` is set."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("FAULTS_SOAK"))


def times(short: int) -> int:
    """Return how often a fault is repeated: ``short``, or 25 times as often."""
    return short * 25 if SOAK else short


def seconds(short: float, long: float) -> float:
    """Return how long a fault lasts."""
    return long if SOAK else short
