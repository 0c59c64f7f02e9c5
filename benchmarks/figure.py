"""Figures: one measurement, what it is compared with, and its target."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Figure:
    """One line of the table; ``value`` is a ratio or has a unit, ``most`` or ``least`` is its target."""

    name: str  # what is measured
    against: str  # what it is measured against
    value: float
    unit: str = "x"
    least: float | None = None
    most: float | None = None
    # The measurements by name, at least five of each in a whole run.
    samples: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """True if the target is reached, False if it is missed, None if there is none."""
        if self.least is not None:
            return self.value >= self.least
        if self.most is not None:
            return self.value <= self.most
        return None

    @property
    def target(self) -> str:
        if self.least is not None:
            return f">= {number(self.least)} {self.unit}"
        if self.most is not None:
            return f"<= {number(self.most)} {self.unit}"
        return ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "target": self.target, "reached": self.reached}


def number(value: float) -> str:
    """Return ``value`` with three significant digits and separated thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
