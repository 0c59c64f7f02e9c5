"""Medians: measure alternately, A B A B, and take the median of each, and of their ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

from benchmarks.figure import number

Measure = Callable[[], float]


def in_turn(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Call each of ``measures`` once a round, for ``rounds`` rounds, and return the values by name."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return samples


def ratio(samples: Mapping[str, list[float]], name: str, against: str) -> float:
    """Return the median of the ratios of the rounds.

    The two measurements of one round are the closest in time, so the speed of the machine differs least between them.
    """
    return median(_ratios(samples, name, against))


def spread(samples: Mapping[str, list[float]], name: str, against: str) -> str:
    """Return the range of the ratios in the middle half of the rounds, as a sentence."""
    ordered = sorted(_ratios(samples, name, against))
    quarter = len(ordered) // 4
    return f"the middle half of {len(ordered)} rounds {number(ordered[quarter])} to {number(ordered[-1 - quarter])}"


def _ratios(samples: Mapping[str, list[float]], name: str, against: str) -> list[float]:
    return [one / other for one, other in zip(samples[name], samples[against], strict=True)]


def percentile(values: list[float], percent: float) -> float:
    """Return the value that ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def middle(values: list[float]) -> float:
    """Return the median."""
    return median(values)
