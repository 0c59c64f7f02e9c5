"""HTTP views: a server's processor time for a view that comes over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import medians, processes, views, wire
from benchmarks.figure import Figure
from benchmarks.figures import low_rate
from benchmarks.figures.counting import BARE, SITE
from benchmarks.meter import Meter
from benchmarks.posts import Posts
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run

THROUGH_DJANGO = "benchmarks.site.through_django:application"
PATH = "/djinsight/record-view/"
VIEWS = 3000
WARM = 100  # views that load the counters of all objects, and let each thread of a server begin
COUNTED = b'"counted"'
BARE_POSTS = 1.6  # in the bound of a view

Make = Callable[[int, int], list[bytes]]  # the port and a number -> that many requests


def http_view(run: Run) -> list[Figure]:
    """Measure views over HTTP under our Daphne server class and under uvicorn, and a bare POST under both."""
    number = run.size(VIEWS, 400)
    with (
        processes.daphne(SITE, log=run.log) as daphne,
        processes.daphne(THROUGH_DJANGO, log=run.log) as daphne_django,
        processes.daphne(BARE, log=run.log) as daphne_bare,
        processes.uvicorn(SITE, log=run.log) as uvicorn,
        processes.uvicorn(THROUGH_DJANGO, log=run.log) as uvicorn_django,
        processes.uvicorn(BARE, log=run.log) as uvicorn_bare,
    ):

        def view(server: Server) -> Callable[[], float]:
            return posted(run, Meter(run, server), number, requests, COUNTED)

        def bare(server: Server) -> Callable[[], float]:
            return posted(run, Meter(run, server), number, requests, b"HTTP/1.1 204 ")

        samples = medians.in_turn(
            {
                "daphne": view(daphne),
                "daphne django": view(daphne_django),
                "daphne bare": bare(daphne_bare),
                "uvicorn": view(uvicorn),
                "uvicorn django": view(uvicorn_django),
                "uvicorn bare": bare(uvicorn_bare),
                "lone": low_rate.alone(run, uvicorn, SOCKET_PATH),
            },
            run.rounds,
        )
    bounds = [BARE_POSTS * post + view for post, view in zip(samples["uvicorn bare"], samples["lone"], strict=True)]
    samples["bound"] = bounds
    name, note = "server time of a view over HTTP", "Django without any middleware"
    return [
        Figure(
            f"{name}, our Daphne server class", "", medians.middle(samples["daphne"]), "us", most=600,
            samples=_named(samples, "daphne"), note=note,
        ),
        Figure(
            f"{name}, uvicorn", f"{BARE_POSTS} bare POSTs and a view that comes alone on an open socket, same uvicorn",
            medians.ratio(samples, "uvicorn", "bound"), most=1,
            samples={**_named(samples, "uvicorn"), "view alone us": samples["lone"]},
            note=f"{medians.spread(samples, 'uvicorn', 'bound')}; {note}",
        ),
    ]  # fmt: skip


def _named(samples: dict[str, list[float]], server: str) -> dict[str, list[float]]:
    names = {"us": server, "through Django us": f"{server} django", "bare POST us": f"{server} bare"}
    return {name: samples[key] for name, key in names.items()}


def requests(port: int, number: int) -> list[bytes]:
    """Return the requests of ``number`` views, each of a visitor of its own, as the page's script sends them."""
    content = {"Content_Type": "text/plain;charset=UTF-8"}
    return [
        wire.post(port, PATH, body, views.visitor(n), **content) for n, body in enumerate(views.payloads(number), 1)
    ]


def posted(
    run: Run,
    meter: Meter,
    number: int,
    make: Make,
    expected: bytes,
    take: Callable[[bytes], None] | None = None,
) -> Callable[[], float]:
    """Return a function that measures the processor time of a server for a view over HTTP, in microseconds.

    Args:
        run: The run that it belongs to.
        meter: The meter of the server.
        number: How many views are measured.
        make: Makes the requests.
        expected: Bytes that are in each answer.
        take: Gets each answer that is measured.
    """

    def measure() -> float:
        run.flush()  # all visitors are new
        made = make(meter.server.port, WARM + number)
        with Posts(meter.server.port) as posts:
            posts.finish(made[:WARM], expected)
            with meter.over(number):
                posts.finish(made[WARM:], expected, take)
        return meter.us

    return measure
