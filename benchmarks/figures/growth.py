"""Ten and a hundred times as much, and two processes: what a unit costs then."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import cores, medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, ENOUGH, IN_FLIGHT, SITE, SOCKETS, rate
from benchmarks.figures.fanout import flooded, pushed
from benchmarks.figures.history import empty, persisted
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run


def growth(run: Run) -> list[Figure]:
    """What a view, a frame and a persisted view cost with 10 and 100 times as many."""
    figures = []
    with processes.daphne(SITE, log=run.log) as site:
        objects = [views.OBJECTS, views.OBJECTS * 10, views.OBJECTS * 100]
        figures += _costs("a view", "objects", objects, lambda n: _cost_of_view(run, site, n), run)
    with processes.daphne(SITE, log=run.log, BENCHMARK_PUSH_INTERVAL="0.001") as site:
        sockets = [50, 500, run.size(5000, 600)]
        figures += _costs("a frame", "subscribers", sockets, lambda n: _inverse(pushed(run, site, n)), run)
    with processes.daphne(BARE, log=run.log) as bare:
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
) -> list[Figure]:
    measures = {f"{size:,} {of}": cost(size) for size in sizes}
    samples = medians.in_turn(measures, run.size(5, 1))
    first, *others = measures
    return [
        Figure(f"cost of {unit} with {other}", first, medians.ratio(samples, other, first), most=most,
               samples={f"us, {name}": samples[name] for name in (first, other)})
        for other in others
    ]  # fmt: skip


def _inverse(measure: Callable[[], float]) -> Callable[[], float]:
    return lambda: 1_000_000 / measure()


def _cost_of_view(run: Run, site: Server, objects: int) -> Callable[[], float]:
    return _inverse(rate(run, site, SOCKET_PATH, objects=objects))


def two_processes(run: Run) -> list[Figure]:
    """Two Daphne processes on one Redis, each on a core that it shares with the load or Redis."""
    env = {"log": run.log}
    with processes.daphne(SITE, **env) as one, processes.daphne(SITE, core=cores.LOAD, **env) as other:
        samples = medians.in_turn(
            {
                "one, views per cpu s": lambda: _per_core(run, [one]),
                "two, views per cpu s": lambda: _per_core(run, [one, other]),
            },
            run.rounds,
        )
    value = medians.ratio(samples, "two, views per cpu s", "one, views per cpu s")
    note = "by the processor time of the servers: load and Redis share the second core"
    return [Figure("views a second of processor time, two processes", "one process", value, least=0.9,
                   samples=samples, note=note)]  # fmt: skip


def _per_core(run: Run, servers: list[Server]) -> float:
    frames = views.beacons(int(ENOUGH * run.seconds * (1 + views.WARM_UP)))
    with Clients() as clients:
        for server in servers:
            clients.open(server.port, SOCKET_PATH, SOCKETS // len(servers), views.visitor)
        before = sum(server.cpu() for server in servers)
        answered = views.keep_in_flight(clients, frames, IN_FLIGHT, run.seconds)
        used = sum(server.cpu() for server in servers) - before
    run.flush()
    return answered.rate * run.seconds * (1 + views.WARM_UP) / max(used, 0.01)
