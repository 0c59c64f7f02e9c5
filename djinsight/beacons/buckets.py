"""Token buckets: rate limits of one process, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

BURST = 2.0  # seconds; a full bucket holds the requests of so long at its rate
MAX_NAMES = 10_000  # buckets in memory; past it the least recently used one is dropped, and would be full again


class Buckets:
    """Token buckets by name, thread-safe.

    The generic cell rate algorithm (ITU-T I.371): a bucket is kept as the time up to which its requests are paid for.
    """

    def __init__(self) -> None:
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, rate: float | None, now: float) -> bool:
        """Take one request out of the bucket of ``name``; return whether the rate permits it.

        Args:
            name: The name of the bucket.
            rate: How many requests a second are added to it; None for no limit.
            now: The time in seconds, of a monotonic clock.
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
