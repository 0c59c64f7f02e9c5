"""A B A B: two things measured in turn, and the median of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

Measure = Callable[[], float]


def in_turn(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Measure each of ``measures`` once, and all of them ``rounds`` times; what came out, by name."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return samples


def ratio(samples: Mapping[str, list[float]], name: str, against: str) -> float:
    """The median of ``name`` over the median of ``against``."""
    return median(samples[name]) / median(samples[against])


def percentile(values: list[float], percent: float) -> float:
    """The value that ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def middle(values: list[float]) -> float:
    """The median."""
    return median(values)
