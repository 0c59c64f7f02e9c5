"""Token buckets: rate limits of one process, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

BURST = 2.0  # seconds of requests at its rate that a name may save up
MAX_NAMES = 10_000  # remembered; past it the name that was used longest ago is forgotten, and begins with a full bucket


class Buckets:
    """One bucket for each name, each kept as the time up to which requests are paid for (GCRA). Thread-safe."""

    def __init__(self) -> None:
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, rate: float | None, now: float) -> bool:
        """Take one request out of the bucket of ``name``, and return whether there was one.

        Args:
            name: Whose bucket it is.
            rate: Requests a second that come into it; None for no limit.
            now: The time in seconds, of a clock that is not set back.
        """
        if rate is None:
            return True
        with self._lock:
            before = max(self._paid.get(name, now), now)
            paid = before + 1 / rate
            is_there = paid <= now + BURST
            self._paid[name] = paid if is_there else before
            self._paid.move_to_end(name)
            if len(self._paid) > MAX_NAMES:
                self._paid.popitem(last=False)
            return is_there

    def clear(self) -> None:
        """Fill every bucket."""
        with self._lock:
            self._paid.clear()
