"""PostgreSQL fails while views come in. ``test_on_postgresql.py`` runs these tests in a process on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import connection

from djinsight.beacons import tokens
from djinsight.history.persist import persist
from djinsight.tracked.refs import ObjectRef
from tests.faults import ledger
from tests.faults.commits import CommitCutter
from tests.faults.crowd import Crowd, next_frame
from tests.faults.soak import seconds, times
from tests.faults.traffic import Traffic
from tests.support.postgresql import PostgreSQL, binaries
from tests.support.processes import Process
from tests.support.sockets import connect_page
from tests.support.tallies import live, losses, persisted


@pytest.fixture
def server(transactional_db: None) -> Iterator[PostgreSQL]:
    """Return the server of this run's database."""
    programs = binaries()
    assert programs is not None
    yield PostgreSQL(programs, Path(os.environ["TEST_POSTGRESQL_HOST"]))
    connection.close()


def drain() -> None:
    while persist().entries:
        pass


def settle(fault: str, traffic: Traffic) -> ledger.Account:
    accepted = traffic.stop()
    drain()
    account = ledger.close(fault, accepted)
    assert {kind for kind, _ in losses()} <= {"shed"}
    assert all(live(ref)[0] == persisted(ref)[0] == views for ref, views in traffic.accepted.items())
    return account


@pytest.mark.parametrize("bound", [1_000_000, 200])
def test_the_database_is_gone_for_a_while(
    bound: int, traffic: Traffic, server: PostgreSQL, start: Callable[..., Process], settings: Any
) -> None:
    """Views count on. Views beyond the stream's limit are counted without their detail, and recorded."""
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
    """The worker does not know if it has committed, so the next run reads the cursor before it writes."""
    with CommitCutter(server.host, when, cuts=times(5)) as cutter:
        worker = start("-m", "tests.faults.worker", TEST_POSTGRESQL_HOST=str(cutter.host))
        traffic.start()
        ends = time.monotonic() + 300  # enough for all transactions on a slow machine
        while cutter.left and time.monotonic() < ends:
            traffic.more(10)
        assert cutter.left == 0
        traffic.more(50)
        worker.kill()
        assert "failed: OperationalError" in worker.output
        settle(f"connection cut {when} the commit", traffic)


@asynccontextmanager
async def locked() -> AsyncIterator[None]:
    """Lock the table of the cursors from a separate connection, so that no other connection can read it."""

    def lock() -> None:
        connection.set_autocommit(False)
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE djinsight_persistcursor IN ACCESS EXCLUSIVE MODE")

    def unlock() -> None:
        connection.rollback()
        connection.close()

    with ThreadPoolExecutor(1) as pool:  # this thread has the separate connection
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, lock)
        try:
            yield
        finally:
            await loop.run_in_executor(pool, unlock)


async def test_the_database_hangs(
    server: PostgreSQL, daphne: Callable[..., str], view_token: str, watch_token: str, ref: ObjectRef
) -> None:
    """While the database accepts connections but answers nothing, views count on, and pages show Redis's numbers."""
    host = daphne("tests.faults.asgi:application", FAULTS_REREAD=1)
    cold = tokens.mint("watch", ObjectRef("blog", "article", "900"))
    async with Crowd(host, view_token, watch_token) as crowd:
        await crowd.more(20)
        async with locked():
            late = await connect_page(host)
            await late.send({"type": "subscribe", "tokens": [watch_token, cold]})
            assert [counter["ref"] for counter in (await next_frame(late))["counters"]] == [str(ref)]
            await crowd.more(20)
        async with asyncio.timeout(30):
            while str(ref) in json.dumps(await next_frame(late)):
                pass
        await late.close()
        accepted = await crowd.finish()
        await crowd.converge(accepted)
    await database_sync_to_async(drain)()
    await database_sync_to_async(ledger.close)("database hangs", accepted)
