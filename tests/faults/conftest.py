"""Faults that really happen: real servers, processes and signals. The run ends with a table of what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from djinsight.beacons.refs import ObjectRef
from tests.blog.models import Article
from tests.faults import ledger
from tests.faults.redis import Redis
from tests.faults.traffic import Traffic
from tests.processes import ROOT, Process


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    lines = ledger.table()
    if lines:
        terminalreporter.section("views under faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(3)]


@pytest.fixture
def traffic(refs: list[ObjectRef]) -> Iterator[Traffic]:
    """Visitors of ``refs``; they come from ``start`` to ``stop``."""
    visitors = Traffic(refs)
    yield visitors
    visitors.abandon()


@pytest.fixture
def start(transactional_db: None) -> Iterator[Callable[..., Process]]:
    """Starts Python processes: ``process = start("-m", "module", ...)``; they are gone after the test."""
    started: list[Process] = []

    def run(*arguments: str, **environment: str) -> Process:
        started.append(Process(*arguments, cwd=ROOT, **environment))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def own_redis(tmp_path: Path, settings: object) -> Iterator[Redis]:
    """A Redis for this test alone, which may be killed, stopped and robbed of its data."""
    server = Redis(tmp_path / "redis")
    server.start()
    setattr(settings, "DJINSIGHT_REDIS_URL", server.url)  # noqa: B010
    yield server
    server.end()
