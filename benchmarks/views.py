"""View beacons as the load sends them, and how many a second are answered."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from benchmarks import wire
from benchmarks.clients import ANSWER_WITHIN, Client, Clients
from djinsight.beacons import tokens
from djinsight.tracked.refs import ObjectRef

WARM_UP = 0.3  # of the time that is measured
OBJECTS = 50
REFERRER = "https://www.google.com/"


def ref(number: int) -> ObjectRef:
    """The article with this number."""
    return ObjectRef("site", "article", str(number))


def beacons(number: int, articles: Sequence[int] = range(1, OBJECTS + 1)) -> list[bytes]:
    """So many views, of these articles in turn, each with an id of its own."""
    of = [(tokens.mint("view", ref(pk)), f"/articles/a-title-of-usual-length-{pk}/") for pk in articles]
    frames = []
    for n in range(number):
        token, url = of[n % len(of)]
        view = {"type": "view", "id": secrets.token_urlsafe(16), "token": token, "url": url, "referrer": REFERRER}
        frames.append(wire.text(view))
    return frames


def visitor(number: int) -> str:
    """A session key."""
    return f"{number:0>32}"


@dataclass
class Answered:
    """What came back in some time."""

    answers: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def keep_in_flight(
    clients: Clients,
    frames: Sequence[Sequence[bytes]],
    each: int,
    seconds: float,
    answer: bytes = b'{"type":"counted"',
    warm: int = 0,
) -> Answered:
    """Keep ``each`` frames on their way on every socket: a frame goes out for each answer that comes.

    The sockets take from the parts of ``frames`` in turn: all from one, or each from its own. ``answer`` is how an
    answer begins. The first part of the time is to warm up and is not counted, and goes on until there were ``warm``
    answers. Raises RuntimeError where the frames do not last, TimeoutError where nothing is answered.
    """
    queues = [deque(part) for part in frames]
    waiting = {client: queues[n % len(queues)] for n, client in enumerate(clients)}
    answers = refused = 0
    began, until = time.perf_counter(), inf  # until when is known when it is counted
    for client in clients:
        _send(client, waiting[client], each)
    while (now := time.perf_counter()) < until:
        if until == inf and now >= began + seconds * WARM_UP and answers >= warm:
            began, until, answers, refused = now, now + seconds, 0, 0
        ready = clients.ready(min(until - now, ANSWER_WITHIN))
        if not ready and until == inf:
            raise TimeoutError(f"expected answers but none has come for {ANSWER_WITHIN} s")
        for client in ready:
            done = 0
            for payload in client.receive():
                if payload.startswith(answer):
                    done += 1
                elif payload.startswith(b'{"type":"rejected"'):
                    done += 1
                    refused += 1
            if done:
                answers += done
                if len(waiting[client]) < done:
                    raise RuntimeError(f"expected more than {sum(map(len, frames))} frames for {seconds} s")
                _send(client, waiting[client], done)
    took = time.perf_counter() - began
    _settle(clients)
    return Answered(answers - refused, refused, took)


def _send(client: Client, waiting: deque[bytes], number: int) -> None:
    client.send(waiting.popleft() if number == 1 else b"".join(waiting.popleft() for _ in range(number)))


def _settle(clients: Clients) -> None:
    """Let what is still on its way come in: the next measurement is not to pay for it."""
    while clients.ready(0.2):
        for client in clients.ready(0):
            client.receive()
