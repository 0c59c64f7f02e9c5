"""A Redis for one test, which can be killed, stopped, emptied, or given older data."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import redis

from demo.redis_server import RedisServer, start_private
from tests.support.servers import cannot_run


class Redis:
    """A server that keeps its port when it is started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port: int | None = None
        self._server: RedisServer | None = None
        self._copies = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start with the data in its directory."""
        self.data.mkdir(exist_ok=True)
        # Every write is on disk before it is answered. Tests with older copies cover what a crash may lose otherwise.
        self._server = start_private(data=self.data, options=("--appendfsync", "always"), port=self.port)
        if self._server.kind == "fakeredis":
            cannot_run("faults of Redis need a Redis")
        self.port = int(self._server.url.rsplit(":", 1)[1].split("/")[0])

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def send(self, number: signal.Signals) -> None:
        assert self._server is not None
        assert self._server.process is not None
        self._server.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.send(signal.SIGKILL)
        assert self._server is not None
        assert self._server.process is not None
        self._server.process.wait()

    def lose_data(self) -> None:
        """Delete its files. It must not be running."""
        shutil.rmtree(self.data)

    def copy(self) -> Path:
        """Kill it, keep a copy of its files, and start it again."""
        self._copies += 1
        copied = self.data.with_name(f"copy{self._copies}")
        self.kill()
        shutil.copytree(self.data, copied)
        self.start()
        return copied

    def restore(self, copied: Path) -> None:
        """Kill it and start it with an older copy."""
        self.kill()
        self.lose_data()
        shutil.copytree(copied, self.data)
        self.start()

    def end(self) -> None:
        if self._server is not None and self._server.process is not None:
            self.send(signal.SIGCONT)
            self._server.process.kill()
            self._server.process.wait()
