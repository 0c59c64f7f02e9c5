"""Two processes: two on one Redis against one, on two cores and on one."""

from __future__ import annotations

from benchmarks import cores, medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, ENOUGH, IN_FLIGHT, SITE, SOCKETS, compared, echo, rate, rounds
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run


def on_two_cores(run: Run) -> list[Figure]:
    """Measure two Daphne processes on one Redis, one of which shares its core with the load and Redis."""
    env = {"log": run.log}
    with (
        processes.daphne(SITE, **env) as site,
        processes.daphne(SITE, core=cores.LOAD, **env) as other,
        processes.plain_daphne(BARE, **env) as bare,
        processes.plain_daphne(BARE, core=cores.LOAD, **env) as other_bare,
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


def on_one_core(run: Run) -> list[Figure]:
    """Measure two Daphne processes on one Redis, against one, all on the server's core."""
    with (
        processes.daphne(SITE, log=run.log) as site,
        processes.daphne(SITE, log=run.log) as second,
        processes.plain_daphne(BARE, log=run.log) as bare,
        processes.plain_daphne(BARE, log=run.log) as second_bare,
    ):
        samples = medians.in_turn(
            {
                "one, views/s": rate(run, site, SOCKET_PATH),
                "two, views/s": rate(run, site, SOCKET_PATH, beside=second),
                "one, echoes/s": echo(run, bare),
                "two, echoes/s": echo(run, bare, beside=second_bare),
            },
            rounds(run),
        )
    one = "one process"
    return [
        compared("views a second of two processes on one core", one, samples, "two, views/s", "one, views/s"),
        compared("echoes a second of two processes on one core", one, samples, "two, echoes/s", "one, echoes/s"),
    ]


def _per_core(
    run: Run, servers: list[Server], sockets: int, path: str = SOCKET_PATH, answer: bytes = b'{"type":"counted"'
) -> float:
    """Return the answers a second of processor time, with ``sockets`` sockets to each server."""
    frames = [views.beacons(int(ENOUGH * run.seconds * (1 + views.WARM_UP)))]
    with Clients(first=False) as clients:  # one of the servers shares its core
        for server in servers:
            clients.open(server.port, path, sockets, views.visitor)
        before = sum(server.cpu() for server in servers)
        answered = views.keep_in_flight(clients, frames, IN_FLIGHT, run.seconds, answer)
        used = sum(server.cpu() for server in servers) - before
    run.flush()
    return answered.rate * run.seconds * (1 + views.WARM_UP) / max(used, 0.01)
