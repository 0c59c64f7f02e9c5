"""A B A B: two things measured in turn, the median of each, and of their ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

from benchmarks.figure import number

Measure = Callable[[], float]


def in_turn(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Measure each of ``measures`` once, and all of them ``rounds`` times; what came out, by name."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return samples


def ratio(samples: Mapping[str, list[float]], name: str, against: str) -> float:
    """The median of the ratios of each round: its two halves met the machine at the same speed, as far as may be."""
    return median(_ratios(samples, name, against))


def spread(samples: Mapping[str, list[float]], name: str, against: str) -> str:
    """Between what the ratios of the middle half of the rounds are."""
    ordered = sorted(_ratios(samples, name, against))
    quarter = len(ordered) // 4
    return f"the middle half of {len(ordered)} rounds {number(ordered[quarter])} to {number(ordered[-1 - quarter])}"


def _ratios(samples: Mapping[str, list[float]], name: str, against: str) -> list[float]:
    return [one / other for one, other in zip(samples[name], samples[against], strict=True)]


def percentile(values: list[float], percent: float) -> float:
    """The value that ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def middle(values: list[float]) -> float:
    """The median."""
    return median(values)
