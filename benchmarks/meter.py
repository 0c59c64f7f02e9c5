"""Meter: the processor time that a server takes for a view, and Redis beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from benchmarks.processes import Server
from benchmarks.run import Run


class Meter:
    """Measures a server with all its processes, and the Redis of the run.

    Attributes:
        us: The server's microseconds for a view in the last measurement.
        redis_us: Those of Redis.
    """

    def __init__(self, run: Run, server: Server) -> None:
        self.server = server
        self.us = self.redis_us = 0.0
        self._run = run

    @contextmanager
    def over(self, number: int) -> Iterator[None]:
        """Measure the block, in which ``number`` views are sent and answered."""
        with redis.Redis.from_url(self._run.redis.url) as client:
            server_before, redis_before = self.server.cpu(), _cpu(client)
            yield
            self.us = 1e6 * (self.server.cpu() - server_before) / number
            self.redis_us = 1e6 * (_cpu(client) - redis_before) / number


def _cpu(client: redis.Redis) -> float:
    """Return the seconds of processor time that Redis has used."""
    used = client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])
