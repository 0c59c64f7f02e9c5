"""Run: the private Redis and database of one run, and the sizes of its measurements."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import cores
from demo.redis_server import RedisServer, start_redis
from tests.support.postgresql import PostgreSQL
from tests.support.postgresql import binaries as find_postgresql

SOCKET_PATH = "/ws/djinsight/"


@dataclass
class Run:
    """The surroundings of a benchmark: its data directory, its Redis, and if it is quick."""

    data: Path
    redis: RedisServer
    quick: bool

    @property
    def rounds(self) -> int:
        """How often each measurement is made."""
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        """For how long a rate is measured, in seconds."""
        return 0.3 if self.quick else 1.5

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole

    @property
    def log(self) -> Path:
        """The log file of the servers."""
        return self.data / "servers.log"

    def redis_version(self) -> str:
        """Return the version of the server, which is independent of the client's."""
        import redis

        with redis.Redis.from_url(self.redis.url) as client:
            return str(client.info("server")["redis_version"])

    def flush(self) -> None:
        """Empty Redis."""
        import redis

        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()


@contextmanager
def started(*, quick: bool, postgresql: bool) -> Iterator[Run]:
    """Start the servers of a run, and remove them after the block.

    A process can do this once, as Django reads its settings once.
    """
    cores.allow_many_sockets()
    cores.pin(cores.LOAD)
    with ExitStack() as stack:
        stack.enter_context(cores.awake())
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="djinsight-benchmarks-")))
        server = start_redis(data=data)
        stack.callback(server.stop)
        os.environ.update(BENCHMARK_DATA=str(data), BENCHMARK_REDIS=server.url)
        if postgresql:
            os.environ["BENCHMARK_POSTGRESQL"] = str(stack.enter_context(_postgresql()).host)
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.site.settings"
        _migrate()
        yield Run(data, server, quick)


def _postgresql() -> PostgreSQL:
    binaries = find_postgresql()
    if binaries is None:
        raise RuntimeError("expected a PostgreSQL server on this machine but found none")
    return PostgreSQL(binaries)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def make_articles(number: int) -> list[Any]:
    """Return ``number`` articles, and create those that are missing."""
    from benchmarks.site.models import Article

    missing = number - Article.objects.count()
    if missing > 0:
        Article.objects.bulk_create((Article(title=f"Article {n}") for n in range(missing)), batch_size=5000)
    return list(Article.objects.order_by("pk")[:number])
