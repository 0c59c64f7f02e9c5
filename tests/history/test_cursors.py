"""Cursors: a worker waits for a locked row, and the periodic task skips it if the database can."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from django.db import connection, transaction

from djinsight import tasks
from djinsight.counting import connections, refusals
from djinsight.counting.keys import Keys, shard_of
from djinsight.exceptions import Reason
from djinsight.history.cursors import lock
from djinsight.history.persist import persist
from djinsight.models import RefusalCount
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.commands import run
from tests.support.counted_views import count_views
from tests.support.tallies import losses, persisted, sums

T = TypeVar("T")


@pytest.fixture
def refs(transactional_db: None, settings: object) -> list[ObjectRef]:
    """Return an object on each of two shards, which have cursors."""
    settings.DJINSIGHT_REDIS_SHARDS = 2  # type: ignore[attr-defined]
    articles = (ObjectRef.of(Article.objects.create(title=str(n))) for n in range(20))
    by_shard = {shard_of(ref): ref for ref in articles}
    refs = [by_shard[0], by_shard[1]]
    for ref in refs:
        count_views(ref, 1)
    persist()
    return refs


def elsewhere(pool: ThreadPoolExecutor, work: Callable[[], T]) -> Future[T]:
    """Run ``work`` on a connection of its own."""

    def working() -> T:
        try:
            return work()
        finally:
            connection.close()

    return pool.submit(working)


def passes_by() -> bool:
    """Return if a locked cursor can be skipped: SQLite has one writer at a time, and no row locks."""
    assert connection.features.has_select_for_update_skip_locked == (connection.vendor != "sqlite")
    return connection.vendor != "sqlite"


@contextmanager
def while_taken() -> Iterator[None]:
    """Run the periodic task while another transaction has the first cursor.

    If locks can be skipped, it ends within the block, otherwise after it.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock(0)
            task = elsewhere(pool, tasks.persist)
            if passes_by():
                task.result(timeout=60)
            yield
        task.result(timeout=60)


def wait_until_blocked(work: Future[T]) -> None:
    """Wait until ``work`` waits for the transaction of this thread."""
    until = time.monotonic() + 60
    while connection.vendor == "postgresql":
        assert not work.done()
        assert time.monotonic() < until
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone() == (True,):
                return


def pending(shard: int) -> int:
    length: int = connections.sync_client(shard).xlen(Keys(shard).events)
    return length


def test_the_task_passes_by_a_shard_that_is_taken(refs: list[ObjectRef], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "djinsight")
    for ref in refs:
        count_views(ref, 2)
    with while_taken():
        if passes_by():
            assert [persisted(ref)[0] for ref in refs] == [1, 3]
            assert [pending(shard) for shard in range(2)] == [2, 0]
    levels = {record.levelno for record in caplog.records if record.name.startswith("djinsight")}
    assert levels == ({logging.DEBUG} if passes_by() else set())

    tasks.persist()

    assert [persisted(ref)[0] for ref in refs] == [3, 3]
    assert sums() == [6] * 4
    assert losses() == []


def test_and_leaves_the_refusals_in_redis(refs: list[ObjectRef]) -> None:
    refusals.count(Reason.TOKEN)
    refusals.flush()
    with while_taken():
        if passes_by():
            assert not RefusalCount.objects.exists()
    tasks.persist()
    assert RefusalCount.objects.get().refused == 1


def test_the_command_waits(refs: list[ObjectRef]) -> None:
    for ref in refs:
        count_views(ref, 2)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock(0)
            command = elsewhere(pool, lambda: run("process_pageviews"))
            wait_until_blocked(command)
            assert sums() == [2] * 4
        assert "Persisted 4 views." in command.result(timeout=60)
    assert sums() == [6] * 4
