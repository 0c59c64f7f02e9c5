"""PostgreSQL fails while views come in. Run by ``test_on_postgresql.py``, in a process whose database it is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from djinsight.history.persist import persist
from tests.books import live, losses, persisted
from tests.faults import ledger
from tests.faults.commits import CommitCutter
from tests.faults.soak import seconds, times
from tests.faults.traffic import Traffic
from tests.postgresql import PostgreSQL, binaries
from tests.processes import Process


@pytest.fixture
def server(transactional_db: None) -> Iterator[PostgreSQL]:
    """The server of this run's database."""
    programs = binaries()
    assert programs is not None
    yield PostgreSQL(programs, Path(os.environ["TEST_POSTGRESQL_HOST"]))
    connection.close()


def settle(fault: str, traffic: Traffic) -> ledger.Account:
    accepted = traffic.stop()
    while persist().entries:
        pass
    account = ledger.close(fault, accepted)
    assert {kind for kind, _ in losses()} <= {"shed"}
    assert all(live(ref)[0] == persisted(ref)[0] == views for ref, views in traffic.accepted.items())
    return account


@pytest.mark.parametrize("bound", [1_000_000, 200])
def test_the_database_is_gone_for_a_while(
    bound: int, traffic: Traffic, server: PostgreSQL, start: Callable[..., Process], settings: Any
) -> None:
    """Views count on; what the stream has no room for is counted without its detail, and recorded."""
    settings.DJINSIGHT_STREAM_MAX_VIEWS = bound
    own = json.dumps({"DJINSIGHT_STREAM_MAX_VIEWS": bound})
    worker = start("-m", "tests.faults.worker", TEST_SETTINGS=own)
    traffic.start()
    worker.wait_for("wrote")
    began = time.monotonic()
    connection.close()
    server.crash()
    worker.wait_for("failed: OperationalError")
    traffic.more(400)
    while time.monotonic() - began < seconds(3, 60):
        traffic.more(20)
    server.start()
    traffic.more(200)
    account = settle("database gone" + (", stream full" if bound == 200 else ""), traffic)
    assert bool(account.shed) == (bound == 200)
    assert traffic.refused.total() == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_connection_is_cut_at_the_commit(
    when: str, traffic: Traffic, server: PostgreSQL, start: Callable[..., Process]
) -> None:
    """Whether it was committed is not known: the next run reads the cursor and does not write again on suspicion."""
    with CommitCutter(server.host, when, cuts=times(5)) as cutter:
        worker = start("-m", "tests.faults.worker", TEST_POSTGRESQL_HOST=str(cutter.host))
        traffic.start()
        for _ in range(1000):
            traffic.more(10)
            if not cutter.left:
                break
        assert cutter.left == 0
        traffic.more(50)
        worker.kill()
        assert "failed: OperationalError" in worker.output
        settle(f"connection cut {when} the commit", traffic)
