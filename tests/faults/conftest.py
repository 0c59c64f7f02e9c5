"""Fixtures for real faults: servers, processes and signals. The run ends with a table of all counted views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.faults import soak
from tests.faults.redis import Redis
from tests.faults.traffic import Traffic
from tests.support.processes import ROOT, Process


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(3)]


@pytest.fixture
def traffic(refs: list[ObjectRef]) -> Iterator[Traffic]:
    """Visitors of ``refs``, who view pages between ``start`` and ``stop``."""
    visitors = Traffic(refs)
    yield visitors
    visitors.abandon()


@pytest.fixture
def start(transactional_db: None) -> Iterator[Callable[..., Process]]:
    """Return a function that starts a Python process until the end of the test: ``start("-m", "module", ...)``."""
    started: list[Process] = []

    def run(*arguments: str, **environment: str) -> Process:
        started.append(Process(*arguments, cwd=ROOT, **environment))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def own_redis(tmp_path: Path, settings: Any) -> Iterator[Redis]:
    """A Redis for this test alone, which may be killed, stopped and emptied."""
    server = Redis(tmp_path / "redis")
    server.start()
    settings.DJINSIGHT_REDIS_URL = server.url
    yield server
    server.end()


@pytest.fixture
def site(own_redis: Redis, daphne: Callable[..., str]) -> Callable[..., str]:
    """Return a function that starts a server on ``own_redis``, or on a proxy of it, and returns its host."""

    def start(redis_url: str = "", **settings: Any) -> str:
        layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [own_redis.url]}}
        own = {
            "DJINSIGHT_REDIS_URL": redis_url or own_redis.url,
            "CHANNEL_LAYERS": {"default": layer},
            "FAULTS_REREAD": soak.seconds(1, 30),
            **settings,
        }
        return daphne("tests.faults.asgi:application", **own)

    return start
