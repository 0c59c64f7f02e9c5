"""Private Redis: servers of one test, with options of their own, as replicas, or stopped with a signal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import redis

from demo.redis_server import RedisServer, start_private
from tests.support.servers import cannot_run

WITHIN = 30.0  # seconds


class Server:
    """A running Redis, for use in ``with``."""

    def __init__(self, data: Path, *options: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._server: RedisServer = start_private(data=data, options=("--repl-diskless-sync-delay", "0", *options))
        if self._server.kind == "fakeredis":
            cannot_run("this test needs a real Redis")
        self.url = self._server.url
        self.host = self.url.split("/")[2]
        self.port = int(self.host.rsplit(":", 1)[1])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self.send(signal.SIGCONT)
        assert self._server.process is not None
        self._server.process.kill()  # a primary that is asked to shut down waits for its replicas
        self._server.process.wait()

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis.from_url(self.url, **options)

    def send(self, number: signal.Signals) -> None:
        assert self._server.process is not None
        self._server.process.send_signal(number)

    def follow(self, primary: Server) -> None:
        """Become a replica of ``primary``, and wait until it has its data."""
        self.demote(primary.port)
        with self.client() as client:
            until(lambda: client.info("replication").get("master_link_status") == "up")

    def demote(self, port: int) -> None:
        """Become a replica of the server at ``port``, if there is one."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(port))

    def lead(self) -> None:
        """Become a primary."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Pause the process of ``server`` in the block, so that its connections stay open and nothing is answered."""
    server.send(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send(signal.SIGCONT)


def until(condition: Any, within: float = WITHIN) -> None:
    """Wait until ``condition()`` is true."""
    end = monotonic() + within
    while not condition():
        assert monotonic() < end, f"expected {condition} within {within} s"
        sleep(0.02)
