"""Views: the view beacons of the load, and how many of them are answered a second."""

from __future__ import annotations

import json
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

WARM_UP = 0.3  # the share of the measured time that goes before it
OBJECTS = 50
REFERRER = "https://www.google.com/"


def ref(number: int) -> ObjectRef:
    """Return the ref of the article with this number."""
    return ObjectRef("site", "article", str(number))


def beacons(number: int, articles: Sequence[int] = range(1, OBJECTS + 1)) -> list[bytes]:
    """Return ``number`` view frames of these articles in rotation, each with an id of its own."""
    return [wire.text(payload) for payload in payloads(number, articles)]


def payloads(number: int, articles: Sequence[int] = range(1, OBJECTS + 1)) -> list[str]:
    """Return the payloads of such frames, which are also the bodies of the HTTP fallback."""
    of = [(tokens.mint("view", ref(pk)), f"/articles/a-title-of-usual-length-{pk}/") for pk in articles]
    found = []
    for n in range(number):
        token, url = of[n % len(of)]
        view = {"type": "view", "id": secrets.token_urlsafe(16), "token": token, "url": url, "referrer": REFERRER}
        found.append(json.dumps(view, separators=(",", ":")))
    return found


def visitor(number: int) -> str:
    """Return a session key."""
    return f"{number:0>32}"


@dataclass
class Answered:
    """The answers within a period."""

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
    """Keep ``each`` frames in flight on every socket, and count the answers.

    A frame is sent for each answer that arrives. A warm-up before the measured time is not counted.

    Args:
        clients: The open sockets.
        frames: The frames to send, one list for all sockets or one for each.
        each: How many frames of a socket wait for an answer.
        seconds: For how long answers are counted.
        answer: The beginning of an answer.
        warm: How many answers the warm-up takes at least.

    Raises:
        RuntimeError: If there are too few frames.
        TimeoutError: If no answer arrives in the warm-up.
    """
    queues = [deque(part) for part in frames]
    waiting = {client: queues[n % len(queues)] for n, client in enumerate(clients)}
    answers = refused = 0
    began, until = time.perf_counter(), inf  # the end is known when the warm-up is over
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
    """Read the answers that are still in flight, so that they do not disturb the next measurement."""
    while clients.ready(0.2):
        for client in clients.ready(0):
            client.receive()
