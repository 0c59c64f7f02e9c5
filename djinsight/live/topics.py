"""Topics: the watched objects, and the sending of their counters to those who watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from djinsight.counting.snapshot import Snapshot, newest
from djinsight.live import frames
from djinsight.live.sockets import Socket
from djinsight.tracked.refs import ObjectRef

SEND_AT_ONCE = 25  # sockets: about 0.5 ms under Daphne


@dataclass(slots=True)
class Topic:
    """One watched object: who watches it, and its newest snapshot."""

    ref: ObjectRef
    sockets: set[Socket] = field(default_factory=set)
    waiting: set[Socket] = field(default_factory=set)  # subscribed, not answered yet
    snapshot: Snapshot | None = None
    _counter: str = ""

    @property
    def counter(self) -> str:
        """The snapshot as an element of a frame, made when it is first sent."""
        if not self._counter and self.snapshot is not None:
            self._counter = frames.counter(self.snapshot)
        return self._counter

    def update(self, snapshot: Snapshot) -> bool:
        """Take the numbers of ``snapshot`` that are newer, and return if there are any."""
        known = newest(self.snapshot, snapshot)
        if known == self.snapshot:
            return False
        self.snapshot, self._counter = known, ""
        return True


def pushed(changed: Mapping[Socket, list[Topic]]) -> Iterator[None]:
    """Send each socket the newest counters of its topics, in one frame; frames that are equal are encoded once.

    Yields after each ``SEND_AT_ONCE`` sockets, for the event loop to have a turn: an acknowledgement is not to wait
    until thousands have the number.
    """
    encoded: dict[tuple[int, ...], tuple[dict[ObjectRef, str], str]] = {}
    for n, (socket, topics) in enumerate(changed.items(), 1):
        still = [topic for topic in topics if socket in topic.sockets]
        if still:
            key = tuple(map(id, still))
            if key not in encoded:
                counters = {topic.ref: topic.counter for topic in still}
                encoded[key] = counters, frames.counters(counters.values())
            socket.push(*encoded[key])
        if n % SEND_AT_ONCE == 0:
            encoded.clear()  # there may be newer ones by then
            yield
