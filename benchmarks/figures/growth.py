"""Growth: the cost of a unit with ten and a hundred times as many."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import medians, processes, views
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, LEAST, MANY, ROUNDS, SITE, rate_of
from benchmarks.figures.fanout import flooded, pushed
from benchmarks.figures.history import empty, persisted
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run


def growth(run: Run) -> list[Figure]:
    """Measure the cost of a view, a frame and a persisted view with 10 and 100 times as many."""
    figures = []
    objects = [views.OBJECTS, views.OBJECTS * 10, MANY]
    with processes.daphne(SITE, log=run.log) as site:
        figures += _costs("a view", "objects", objects, _cost_of_view(run, site, SOCKET_PATH), run, rounds=ROUNDS)
    with processes.daphne(LEAST, log=run.log) as least:
        added = "a view appended and added to its object's number, nothing else,"
        figures += _costs(added, "objects", objects, _cost_of_view(run, least, "/objects"), run, None, ROUNDS)
    with processes.daphne(SITE, log=run.log, BENCHMARK_PUSH_INTERVAL="0.001") as site:
        sockets = [50, 500, run.size(5000, 600)]
        figures += _costs("a frame", "subscribers", sockets, lambda n: _inverse(pushed(run, site, n)), run)
    with processes.plain_daphne(BARE, log=run.log) as bare:
        bare_frame = "a frame of a loop that sends"
        figures += _costs(bare_frame, "subscribers", sockets, lambda n: _inverse(flooded(run, bare, n)), run, most=None)
    entries = [1000, 10_000, run.size(100_000, 20_000)]
    figures += _costs("a persisted view", "pending views", entries, lambda n: _inverse(persisted(run, n)), run)
    empty()
    return figures


def _costs(
    unit: str,
    of: str,
    sizes: list[int],
    cost: Callable[[int], Callable[[], float]],
    run: Run,
    most: float | None = 1.1,
    rounds: int = 5,
) -> list[Figure]:
    measures = {f"{size:,} {of}": cost(size) for size in sizes}
    samples = medians.in_turn(measures, run.size(rounds, 1))
    first, *others = measures
    return [
        Figure(f"cost of {unit} with {other}", first, medians.ratio(samples, other, first), most=most,
               samples={f"us, {name}": samples[name] for name in (first, other)})
        for other in others
    ]  # fmt: skip


def _inverse(measure: Callable[[], float]) -> Callable[[], float]:
    return lambda: 1_000_000 / measure()


def _cost_of_view(run: Run, server: Server, path: str) -> Callable[[int], Callable[[], float]]:
    """Return the measurement of a view's cost by the number of objects."""
    return lambda objects: _inverse(rate_of(run, server, path, objects))
