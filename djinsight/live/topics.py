"""Topics: watched objects, and how their counters are sent to the sockets that watch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from djinsight.counting.snapshot import Snapshot, newest
from djinsight.live import frames
from djinsight.live.sockets import Socket
from djinsight.tracked.refs import ObjectRef

SEND_AT_ONCE = 25  # sockets in one loop iteration: about 0.5 ms under Daphne


@dataclass(slots=True)
class Topic:
    """One watched object: the sockets that watch it, and its newest snapshot."""

    ref: ObjectRef
    sockets: set[Socket] = field(default_factory=set)
    waiting: set[Socket] = field(default_factory=set)  # subscribed, but not answered yet
    snapshot: Snapshot | None = None
    _counter: str = ""

    @property
    def counter(self) -> str:
        """The snapshot as JSON, encoded when it is first sent; ``""`` without a snapshot."""
        if not self._counter and self.snapshot is not None:
            self._counter = frames.counter(self.snapshot)
        return self._counter

    def update(self, snapshot: Snapshot) -> bool:
        """Keep the numbers of ``snapshot`` that are newer, and return whether there are any."""
        known = newest(self.snapshot, snapshot)
        if known == self.snapshot:
            return False
        self.snapshot, self._counter = known, ""
        return True


def pushed(changed: Mapping[Socket, list[Topic]]) -> Iterator[None]:
    """Send each socket the newest counters of its topics in one frame, and encode equal frames once.

    Yields after each ``SEND_AT_ONCE`` sockets. The caller lets the event loop run then, so that an acknowledgement need
    not wait until thousands of sockets have the number.
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
            encoded.clear()  # the counters may change before the next part
            yield
