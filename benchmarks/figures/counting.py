"""Counting: views counted a second, against a server that echoes the same frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks import medians, processes, views
from benchmarks.clients import Clients
from benchmarks.figure import Figure
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

SOCKETS = 50
IN_FLIGHT = 4
ROUNDS = 15
SECONDS = 0.5  # short, as the speed of the machine changes from one second to the next
ENOUGH = 120_000  # frames a second, more than any server reads here
PAGES = 100  # articles that a visitor reads at most
MANY = 5000  # articles, a hundred times as many as in other benchmarks
BARE = "benchmarks.site.bare:application"
TEXTBOOK = "benchmarks.site.textbook:application"
LEAST = "benchmarks.site.least:application"
SITE = "benchmarks.site.asgi:application"


def rounds(run: Run) -> int:
    """Return how often each rate is measured."""
    return run.size(ROUNDS, 1)


def seconds(run: Run) -> float:
    """Return for how long each rate is measured."""
    return min(SECONDS, run.seconds)


def rate(
    run: Run,
    server: Server,
    path: str,
    answer: bytes = b'{"type":"counted"',
    read: Sequence[Sequence[int]] = (range(1, views.OBJECTS + 1),),
    beside: Server | None = None,
) -> Callable[[], float]:
    """Return a function that measures the answers a second of ``server``.

    Args:
        run: The run that it belongs to.
        server: The server that is measured.
        path: The path of its socket.
        answer: The beginning of an answer.
        read: The articles that visitors view, one list for all visitors or one for each.
        beside: A second server that is measured with it, with as many sockets.
    """
    warm = 6 * sum(map(len, read))  # by then, visitors have viewed all their articles, and all counters are loaded
    number = (int(ENOUGH * seconds(run) * (1 + views.WARM_UP)) + warm) // len(read)

    def measure() -> float:
        frames = [views.beacons(number, articles) for articles in read]
        with Clients() as clients:
            for each in (server, beside):
                if each is not None:
                    clients.open(each.port, path, SOCKETS, views.visitor)
            answered = views.keep_in_flight(clients, frames, IN_FLIGHT, seconds(run), answer, warm)
        if answered.refused:
            raise RuntimeError(f"expected no refused view but got {answered.refused}")
        run.flush()
        return answered.rate

    return measure


def rate_of(run: Run, server: Server, path: str, objects: int) -> Callable[[], float]:
    """Return a function that measures the answers a second with ``objects`` articles.

    Each visitor reads at most ``PAGES`` of them, which overlap with those of the next visitor.
    """
    own = min(objects, PAGES)
    read = [[1 + (n * objects // SOCKETS + i) % objects for i in range(own)] for n in range(SOCKETS)]
    return rate(run, server, path, read=read)


@contextmanager
def three_daphnes(run: Run) -> Iterator[tuple[Server, Server, Server]]:
    """Start the site, and a bare application under plain Daphne and under our server class."""
    with (
        processes.daphne(SITE, log=run.log) as site,
        processes.plain_daphne(BARE, log=run.log) as bare,
        processes.daphne(BARE, log=run.log) as tuned,
    ):
        yield site, bare, tuned


def echo(run: Run, server: Server, beside: Server | None = None) -> Callable[[], float]:
    return rate(run, server, "/echo", b'{"type":"view"', beside=beside)


def compared(
    name: str, against: str, samples: dict[str, list[float]], of: str, to: str, least: float | None = None
) -> Figure:
    """Return the figure of two rates of ``samples``."""
    value, spread = medians.ratio(samples, of, to), medians.spread(samples, of, to)
    return Figure(name, against, value, least=least, samples={each: samples[each] for each in (of, to)}, note=spread)


def daphne(run: Run) -> list[Figure]:
    """Measure views counted a second under Daphne."""
    with three_daphnes(run) as (site, bare, tuned):
        samples = medians.in_turn(
            {
                "views/s": rate(run, site, SOCKET_PATH),
                "echoes/s": echo(run, bare),
                "tuned echoes/s": echo(run, tuned),
                "views/s of many": rate_of(run, site, SOCKET_PATH, MANY),
            },
            rounds(run),
        )
    name = "views counted a second"
    return [
        compared(name, "frames echoed, same Daphne", samples, "views/s", "echoes/s", 0.8),
        compared(name, "frames echoed, same Daphne tuned alike", samples, "views/s", "tuned echoes/s"),
        compared(
            "frames echoed, our server class", "frames echoed, same Daphne", samples, "tuned echoes/s", "echoes/s", 2
        ),
        compared(f"{name}, of {MANY:,} objects", "frames echoed, same Daphne", samples, "views/s of many", "echoes/s"),
    ]


def least(run: Run) -> list[Figure]:
    """Measure a server that only appends and adds, as the bound of any counting under Daphne."""
    with (
        processes.daphne(SITE, log=run.log) as site,
        processes.daphne(LEAST, log=run.log) as other,
        processes.daphne(BARE, log=run.log) as tuned,
    ):
        samples = medians.in_turn(
            {
                "views/s": rate(run, site, SOCKET_PATH),
                "least views/s": rate(run, other, "/"),
                "tuned echoes/s": echo(run, tuned),
            },
            rounds(run),
        )
    nothing_else = "views appended and added up, nothing else, same Daphne tuned alike"
    return [
        compared(nothing_else, "frames echoed, same Daphne tuned alike", samples, "least views/s", "tuned echoes/s"),
        compared("views counted a second", nothing_else, samples, "views/s", "least views/s"),
    ]


def uvicorn(run: Run) -> list[Figure]:
    """Measure views counted a second under uvicorn."""
    with processes.uvicorn(SITE, log=run.log) as site, processes.uvicorn(BARE, log=run.log) as bare:
        samples = medians.in_turn(
            {"views/s": rate(run, site, SOCKET_PATH), "echoes/s": echo(run, bare)},
            rounds(run),
        )
    return [compared("views counted a second", "frames echoed, same uvicorn", samples, "views/s", "echoes/s", 0.6)]


def textbook(run: Run) -> list[Figure]:
    """Measure views counted a second, against a consumer as tutorials write it."""
    with processes.daphne(SITE, log=run.log) as site, processes.plain_daphne(TEXTBOOK, log=run.log) as other:
        samples = medians.in_turn(
            {
                "views/s": rate(run, site, SOCKET_PATH),
                "textbook views/s": rate(run, other, "/ws/textbook/", b'{"type": "counted"'),
            },
            rounds(run),
        )
    against = "four Redis commands and a group_send a view, same Daphne"
    return [compared("views counted a second", against, samples, "views/s", "textbook views/s", 12)]
