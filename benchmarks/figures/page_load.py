"""Page loads: a server's processor time for a socket that opens, subscribes, sends one view and closes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence

from benchmarks import medians, processes, views, wire
from benchmarks.clients import Client, Clients, accepted, connect
from benchmarks.figure import Figure
from benchmarks.figures.counting import BARE, SITE, three_daphnes
from benchmarks.figures.fanout import BEGIN, subscribers
from benchmarks.meter import Meter
from benchmarks.processes import Server
from benchmarks.run import SOCKET_PATH, Run
from djinsight.beacons import tokens

AT_ONCE = 32  # page loads in flight
LOADS = 600
OBJECTS = 50
ECHO = "/echo"
ECHOED = (b'{"type":"view"', b'{"type":"subscribe"')
ANSWERED = (b'{"type":"counted"', BEGIN)


def daphne(run: Run) -> list[Figure]:
    """Measure page loads under our Daphne server class, against a bare application under plain Daphne."""
    with three_daphnes(run) as (site, bare, tuned), subscribers(site, 1):
        samples = medians.in_turn(
            {
                "us": loads(run, site, SOCKET_PATH),
                "bare us": loads(run, bare, ECHO),
                "bare us, our server class": loads(run, tuned, ECHO),
            },
            run.rounds,
        )
    return [compared("plain Daphne", samples, "us", "bare us", 0.75), whole(samples, "our Daphne server class")]


def uvicorn(run: Run) -> list[Figure]:
    """Measure page loads under uvicorn, against a bare application."""
    with (
        processes.uvicorn(SITE, log=run.log) as site,
        processes.uvicorn(BARE, log=run.log) as bare,
        subscribers(site, 1),
    ):
        samples = medians.in_turn({"us": loads(run, site, SOCKET_PATH), "bare us": loads(run, bare, ECHO)}, run.rounds)
    return [compared("uvicorn", samples, "us", "bare us", 1.4), whole(samples, "uvicorn")]


def compared(server: str, samples: dict[str, list[float]], of: str, to: str, most: float) -> Figure:
    value, spread = medians.ratio(samples, of, to), medians.spread(samples, of, to)
    against = f"a socket that opens, has two frames echoed and closes, bare {server}"
    return Figure("server time of a page load", against, value, most=most, samples=samples, note=spread)


def whole(samples: dict[str, list[float]], server: str) -> Figure:
    return Figure(f"server time of a page load, {server}", "", medians.middle(samples["us"]), "us", samples=samples)


def loads(run: Run, server: Server, path: str, meter: Meter | None = None) -> Callable[[], float]:
    """Return a function that measures the processor time of ``server`` for a page load, in microseconds.

    Args:
        run: The run that it belongs to.
        server: The server that is measured.
        path: The path of its socket.
        meter: A meter of this server, if the time of Redis is asked for as well.
    """
    meter = meter or Meter(run, server)
    number = run.size(LOADS, 20)
    subscribe = [
        wire.text({"type": "subscribe", "tokens": [tokens.mint("watch", views.ref(1 + n))]}) for n in range(OBJECTS)
    ]
    answers = ECHOED if path == ECHO else ANSWERED

    def measure() -> float:
        frames = [beacon + subscribe[n % OBJECTS] for n, beacon in enumerate(views.beacons(number + OBJECTS))]
        with Loads(server.port, path, answers) as loads:
            loads.finish(frames[:OBJECTS])  # loads the counters of all objects
            with meter.over(number):
                loads.finish(frames[OBJECTS:])
        return meter.us

    return measure


class Loads:
    """Page loads, ``AT_ONCE`` of which are in flight: the next one begins when one of them has ended.

    Args:
        port: The port of the server.
        path: The path of its socket.
        answers: The beginnings of the answers to the frames of a page.
    """

    def __init__(self, port: int, path: str, answers: tuple[bytes, ...]) -> None:
        self._port = port
        self._path = path
        self._answers = answers
        self._clients = Clients()
        self._steps: dict[Client, Generator[None, None, None]] = {}
        self._visitor = 0

    def __enter__(self) -> Loads:
        self._clients.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._clients.__exit__(*error)

    def finish(self, frames: Sequence[bytes]) -> None:
        """Load a page for each of ``frames``, which it sends when its socket is open, and wait for the end of all."""
        waiting = deque(frames)
        while waiting or self._steps:
            while waiting and len(self._steps) < AT_ONCE:
                self._visitor += 1
                client = connect(self._port, self._path, views.visitor(self._visitor))
                self._clients.add(client)
                self._steps[client] = self._load(client, waiting.popleft())
                next(self._steps[client])
            ready = self._clients.ready()
            if not ready:
                raise TimeoutError(f"expected the end of {len(self._steps)} page loads but nothing comes")
            for client in ready:
                if next(self._steps[client], client) is client:
                    self._clients.remove(client)
                    client.sock.close()
                    del self._steps[client]

    def _load(self, client: Client, frames: bytes) -> Generator[None, None, None]:
        """Load one page. Yields whenever it waits for something to read."""
        yield
        accepted(client)
        client.send(frames)
        missing = set(self._answers)
        while missing:
            yield
            payloads = client.receive()
            missing -= {begin for begin in missing if any(each.startswith(begin) for each in payloads)}
        client.send(wire.close())
        yield
        while client.sock.recv(4096):
            yield
