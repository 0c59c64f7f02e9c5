"""Peers: the processor time of one page's view, in djinsight, djinsight 0.4.2 and django-hitcount."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from urllib.parse import urlencode

from benchmarks import medians, processes, views, wire
from benchmarks.environments import GUNICORN, Environment
from benchmarks.figure import Figure
from benchmarks.figures import older
from benchmarks.figures.counting import BARE, SITE
from benchmarks.figures.fanout import subscribers
from benchmarks.figures.http_views import COUNTED, WARM, posted, requests
from benchmarks.figures.older import OLDER
from benchmarks.figures.page_load import loads
from benchmarks.meter import Meter
from benchmarks.processes import ROOT
from benchmarks.run import SOCKET_PATH, Run

VERSION = "1.3.5"
HITCOUNT = Environment(
    f"hitcount-{VERSION}",
    (f"django-hitcount=={VERSION}", "Django==5.2.19", GUNICORN),
    ROOT / "benchmarks" / "hitcount",
    "hitcount_settings",
    "hitcount_wsgi:application",
)
VIEWS = 1500
CSRF = "a" * 32  # the secret in the cookie; django-hitcount's script sends it in a header as well
_DATABASE = re.compile(rb"^x-database-ns: *(\d+)", re.IGNORECASE | re.MULTILINE)
REDIS = "Redis's append-only file, on the disk within 1 s"


def peers(run: Run) -> list[Figure]:
    """Measure one view of a page of each, with a visitor of its own for each view."""
    number = run.size(VIEWS, 400)
    OLDER.run_django("migrate", "-v", "0")
    HITCOUNT.run_django("migrate", "--run-syncdb", "-v", "0")
    HITCOUNT.run_django("prepare_hits", str(run.rounds * (WARM + number)), str(views.OBJECTS))
    with (
        processes.daphne(SITE, log=run.log) as site,
        OLDER.gunicorn(run) as older_site,
        HITCOUNT.gunicorn(run) as hitcount_site,
        processes.uvicorn(BARE, log=run.log) as bare,
        subscribers(site, 1),
    ):
        of_socket, of_http, of_older = (Meter(run, each) for each in (site, site, older_site))
        hits = Hits(run, Meter(run, hitcount_site), number)
        load = loads(run, site, SOCKET_PATH, of_socket)

        def loaded() -> float:
            run.flush()  # all visitors are new, as with the others
            return load()

        samples = medians.in_turn(
            {
                "socket us": loaded,
                "socket, Redis us": lambda: of_socket.redis_us,
                "HTTP us": posted(run, of_http, number, requests, COUNTED),
                "HTTP, Redis us": lambda: of_http.redis_us,
                "older us": posted(run, of_older, number, _requests_to_older, b'"success"'),
                "older, Redis us": lambda: of_older.redis_us,
                "hitcount us": hits.measure,
                "hitcount, SQLite us": lambda: hits.database_us,
                "bare us": posted(run, Meter(run, bare), number, requests, b"HTTP/1.1 204 "),
            },
            run.rounds,
        )

    name = "server time of a page's view"

    def figure(what: str, of: str, inside: str, stored: str) -> Figure:
        measured = {"us": samples[f"{of} us"]}
        if inside:
            measured[f"{inside} us"] = samples[f"{of}, {inside} us"]
        value = medians.middle(measured["us"])
        return Figure(f"{name}, {what}", "", value, "us", samples=measured, note=f"stored when it answers: {stored}")

    def compared(what: str, of: str) -> Figure:
        compare = samples, f"{of} us", "hitcount us"
        value, spread = medians.ratio(*compare), medians.spread(*compare)
        return Figure(f"{name}, {what}", f"django-hitcount {VERSION} over HTTP, gunicorn", value, note=spread)

    ours = (
        f"the view in Redis ({REDIS}); a row in the database follows within 5 s, from a worker that `persist` measures"
    )
    return [
        figure("djinsight over a socket", "socket", "Redis", ours),
        figure("djinsight over HTTP", "HTTP", "Redis", ours),
        figure(
            f"djinsight {older.VERSION} over HTTP, gunicorn", "older", "Redis",
            f"the view in Redis ({REDIS}); a row follows with its task, which `persist-older` measures",
        ),
        figure(
            f"django-hitcount {VERSION} over HTTP, gunicorn", "hitcount", "SQLite",
            "a committed row in the database (SQLite with a write-ahead log, on the disk at its next checkpoint), "
            "whose time is part of the server's; each view has a new session, and the CSRF token that its script sends",
        ),
        figure("a bare POST, uvicorn", "bare", "", "nothing"),
        compared("djinsight over a socket", "socket"),
        compared("djinsight over HTTP", "HTTP"),
    ]  # fmt: skip


def _requests_to_older(port: int, number: int) -> list[bytes]:
    return [
        wire.post(
            port, "/djinsight/record-view/", older.view(1 + n % views.OBJECTS), views.visitor(n),
            Content_Type="application/json",
        )
        for n in range(1, number + 1)
    ]  # fmt: skip


class Hits:
    """Measures django-hitcount's view, with a session for each view that nobody has used before.

    Attributes:
        database_us: The microseconds of the server's time that a view's queries took in the last measurement.
    """

    def __init__(self, run: Run, meter: Meter, number: int) -> None:
        self.database_us = 0.0
        self._number = number
        self._visitors = count()
        self._posted: Callable[[], float] = posted(
            run, meter, number, self._requests, b'"hit_counted": true', self._add
        )

    def measure(self) -> float:
        self.database_us = 0.0
        return self._posted()

    def _requests(self, port: int, number: int) -> list[bytes]:
        """Return requests as the script in django-hitcount's documentation sends them."""
        headers = {
            "X_Requested_With": "XMLHttpRequest",
            "X_CSRFToken": CSRF,
            "Cookie": f"csrftoken={CSRF}",
            "Content_Type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        return [
            wire.post(
                port, "/hitcount/hit/ajax/", urlencode({"hitcountPK": 1 + n % views.OBJECTS}),
                views.visitor(next(self._visitors)), **headers,
            )
            for n in range(number)
        ]  # fmt: skip

    def _add(self, answer: bytes) -> None:
        found = _DATABASE.search(answer)
        if found is None:
            raise RuntimeError(f"expected the time of the database but got {answer!r}")
        self.database_us += int(found[1]) / 1000 / self._number
