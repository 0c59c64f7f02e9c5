"""Figures: the benchmarks by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.figure import Figure
from benchmarks.run import Run


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: its function (``module:function``), its description, and if its site is on PostgreSQL."""

    at: str
    about: str
    postgresql: bool = False

    def load(self) -> Callable[[Run], list[Figure]]:
        """Import the function and return it. It may import models, so Django must be set up."""
        module, _, name = self.at.partition(":")
        found: Callable[[Run], list[Figure]] = getattr(import_module(f"{__package__}.{module}"), name)
        return found


BENCHMARKS = {
    "page-load": Benchmark("page_load:daphne", "the server's time for a page load, our Daphne server class"),
    "page-load-uvicorn": Benchmark("page_load:uvicorn", "the server's time for a page load, uvicorn"),
    "http-view": Benchmark("http_views:http_view", "the server's time for a view over HTTP"),
    "peers": Benchmark("peers:peers", "the server's time for a page's view, and that of 0.4.2 and django-hitcount"),
    "low-rate": Benchmark("low_rate:daphne", "the server's time for a view that comes alone, our Daphne server class"),
    "low-rate-uvicorn": Benchmark("low_rate:uvicorn", "the server's time for a view that comes alone, uvicorn"),
    "views": Benchmark("counting:daphne", "views counted a second, Daphne"),
    "views-least": Benchmark("counting:least", "views counted a second, against the least that counts at all"),
    "views-uvicorn": Benchmark("counting:uvicorn", "views counted a second, uvicorn"),
    "views-older": Benchmark("older:views_a_second", "views counted a second, against djinsight 0.4.2"),
    "views-textbook": Benchmark("counting:textbook", "views counted a second, against a textbook consumer"),
    "deflate": Benchmark("deflate:deflate", "processor time of a view whose answer is compressed, uvicorn"),
    "fanout": Benchmark("fanout:daphne", "counter frames a second to the subscribers of one object, Daphne"),
    "fanout-uvicorn": Benchmark("fanout:uvicorn", "counter frames a second, uvicorn"),
    "hot-object": Benchmark("fanout:hot_object", "1,000 views a second of one object that many watch"),
    "latency": Benchmark("latency:beacon_to_page", "from a beacon to the number on another page"),
    "handshakes": Benchmark("sockets:handshakes", "sockets that open and subscribe a second"),
    "memory": Benchmark("sockets:memory", "memory of an idle socket"),
    "uploads": Benchmark("uploads:uploads", "the server's time for an upload, our server class and plain Daphne"),
    "idle": Benchmark("sockets:idle", "processor time of 5,000 idle sockets"),
    "idle-uvicorn": Benchmark("sockets:idle_uvicorn", "processor time of 5,000 idle sockets, uvicorn"),
    "persist": Benchmark("history:sqlite", "views persisted a second, SQLite"),
    "persist-postgresql": Benchmark("history:postgresql", "views persisted a second, PostgreSQL", postgresql=True),
    "persist-older": Benchmark("older:persisted", "views persisted a second, against djinsight 0.4.2"),
    "redis-memory": Benchmark("redis_memory:bytes_each", "bytes of Redis a pending view and a visitor-page pair"),
    "tags": Benchmark("pages:tags", "a page of fifty objects with six tags each"),
    "html": Benchmark("pages:html", "the HTML of two hundred objects with six tags each"),
    "ranking": Benchmark("pages:ranking", "the top ten of a million objects, PostgreSQL", postgresql=True),
    "charts": Benchmark("pages:charts", "charts beside a log of ten million rows, PostgreSQL", postgresql=True),
    "admin": Benchmark("admin_lists:pages", "pages of the admin beside a log of five million rows", postgresql=True),
    "backlog": Benchmark("backlog:reads", "pages of objects that Redis has no counter of, while a million views wait"),
    "stack": Benchmark("stack:stack", "memory and processor time of the demo's whole stack"),
    "script": Benchmark("script:size", "the size of djinsight.js"),
    "growth": Benchmark(
        "growth:growth", "the cost of a view, a frame and a persisted view with 10 and 100 times as many"
    ),
    "two-processes": Benchmark("two_processes:on_two_cores", "two Daphne processes on one Redis"),
    "two-on-a-core": Benchmark("two_processes:on_one_core", "two Daphne processes on one Redis, on the core of one"),
}
