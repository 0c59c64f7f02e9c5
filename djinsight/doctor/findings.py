"""Findings: the results of the doctor's checks, each with a sentence on the state and one on the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    FINE = "ok"
    ADVICE = "advice"  # the site works, but could lose views one day
    PROBLEM = "PROBLEM"  # views are not counted, not shown or not kept


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        level: How serious it is.
        code: A stable name of the kind of finding, such as ``redis``.
        text: A sentence that says how things are.
        cure: A sentence that says what to do; ``""`` if nothing is to be done.
    """

    level: Level
    code: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level:<8}{self.text}" + (f" {self.cure}" if self.cure else "")


def fine(code: str, text: str) -> Finding:
    """Return the finding that a check passed."""
    return Finding(Level.FINE, code, text)


def advice(code: str, text: str, cure: str) -> Finding:
    """Return the finding of something that could lose views one day."""
    return Finding(Level.ADVICE, code, text, cure)


def problem(code: str, text: str, cure: str) -> Finding:
    """Return the finding of something that keeps views from being counted, shown or kept."""
    return Finding(Level.PROBLEM, code, text, cure)
