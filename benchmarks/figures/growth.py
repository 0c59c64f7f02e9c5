"""Ten and a hundred times as much, and two processes: what a unit costs then."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import cores, medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, ENOUGH, IN_FLIGHT, ROUNDS, SITE, SOCKETS, rate
from benchmarks.figures.fanout import flooded, pushed
from benchmarks.figures.history import empty, persisted
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

PAGES = 100  # articles a visitor reads at most
ENOUGH_VIEWS = 100_000  # a second; twice as many as it takes, as each visitor has its own


def growth(run: Run) -> list[Figure]:
    """What a view, a frame and a persisted view cost with 10 and 100 times as many."""
    figures = []
    with processes.daphne(SITE, log=run.log) as site:
        objects = [views.OBJECTS, views.OBJECTS * 10, views.OBJECTS * 100]
        figures += _costs("a view", "objects", objects, lambda n: _cost_of_view(run, site, n), run, rounds=ROUNDS)
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


def _cost_of_view(run: Run, site: Server, objects: int) -> Callable[[], float]:
    return _inverse(rate(run, site, SOCKET_PATH, read=_read(objects), enough=ENOUGH_VIEWS))


def _read(objects: int) -> list[list[int]]:
    """The articles of each visitor, neighbours of those of the next: with more objects, not more of each."""
    own = min(objects, PAGES)
    return [[1 + (n * objects // SOCKETS + i) % objects for i in range(own)] for n in range(SOCKETS)]


def two_processes(run: Run) -> list[Figure]:
    """Two Daphne processes on one Redis, of which one shares its core with the load and Redis."""
    env = {"log": run.log}
    with (
        processes.daphne(SITE, **env) as site,
        processes.daphne(SITE, core=cores.LOAD, **env) as other,
        processes.daphne(BARE, **env) as bare,
        processes.daphne(BARE, core=cores.LOAD, **env) as other_bare,
    ):
        sites, echo = [site, other], b'{"type":"view"'
        one, two, halves = "one, views per cpu s", "two, views per cpu s", "two with half each, views per cpu s"
        beside = "one beside the load, views per cpu s"
        one_bare, two_bare = "one, echoes per cpu s", "two, echoes per cpu s"
        samples = medians.in_turn(
            {
                one: lambda: _per_core(run, [site], SOCKETS),
                beside: lambda: _per_core(run, [other], SOCKETS),
                two: lambda: _per_core(run, sites, SOCKETS),
                halves: lambda: _per_core(run, sites, SOCKETS // 2),
                one_bare: lambda: _per_core(run, [bare], SOCKETS, "/echo", echo),
                two_bare: lambda: _per_core(run, [bare, other_bare], SOCKETS, "/echo", echo),
            },
            run.size(9, 1),
        )

    def figure(what: str, of: str, against: str, least: float | None = None, note: str = "") -> Figure:
        value, both = medians.ratio(samples, of, against), {name: samples[name] for name in (against, of)}
        return Figure(what, "one process", value, least=least, samples=both, note=note)

    note = "by the processor time of the servers: load and Redis share the second core"
    return [
        figure("views a second of processor time, two processes", two, one, 0.9, note),
        figure("the same, with half of the sockets each", halves, one),
        figure("the same, one process that has the core of load and Redis", beside, one),
        figure("echoes a second of processor time, two processes", two_bare, one_bare),
    ]


def _per_core(
    run: Run, servers: list[Server], sockets: int, path: str = SOCKET_PATH, answer: bytes = b'{"type":"counted"'
) -> float:
    """Answers a second of processor time, with so many sockets each."""
    frames = [views.beacons(int(ENOUGH * run.seconds * (1 + views.WARM_UP)))]
    with Clients(first=False) as clients:  # one of the servers is on its core
        for server in servers:
            clients.open(server.port, path, sockets, views.visitor)
        before = sum(server.cpu() for server in servers)
        answered = views.keep_in_flight(clients, frames, IN_FLIGHT, run.seconds, answer)
        used = sum(server.cpu() for server in servers) - before
    run.flush()
    return answered.rate * run.seconds * (1 + views.WARM_UP) / max(used, 0.01)
