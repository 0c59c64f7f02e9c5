"""How long the fault tests run: short on every run, long where ``FAULTS_SOAK`` says so."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("FAULTS_SOAK"))


def times(short: int) -> int:
    """How often a fault is repeated: ``short``, or 25 times as often."""
    return short * 25 if SOAK else short


def seconds(short: float, long: float) -> float:
    """How long a fault lasts."""
    return long if SOAK else short
