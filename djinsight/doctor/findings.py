"""Findings: what the doctor saw, each one sentence, and one that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    FINE = "ok"
    ADVICE = "advice"  # it works, and could lose views one day
    PROBLEM = "PROBLEM"  # views are not counted, not shown or not kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``code`` is stable."""

    level: Level
    code: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level:<8}{self.text}" + (f" {self.cure}" if self.cure else "")


def fine(code: str, text: str) -> Finding:
    return Finding(Level.FINE, code, text)


def advice(code: str, text: str, cure: str) -> Finding:
    return Finding(Level.ADVICE, code, text, cure)


def problem(code: str, text: str, cure: str) -> Finding:
    return Finding(Level.PROBLEM, code, text, cure)
