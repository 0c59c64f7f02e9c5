"""Loading: threads that need counters at the same time share the loads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.db import connection

from djinsight.counting import batched_loading, connections, live_numbers, loading, sites
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count, view
from tests.support.private_redis import until

REFS = [ObjectRef("blog", "article", str(n)) for n in range(12)]
SOON = 30  # seconds


class Loads:
    """The loads of a lane, each of which waits until it is let go, or fails."""

    def __init__(self) -> None:
        self.asked: list[list[ObjectRef]] = []
        self.go = threading.Semaphore(0)
        self.errors: list[BaseException | None] = []

    def load(self, refs: Sequence[ObjectRef]) -> dict[ObjectRef, Snapshot]:
        self.asked.append(list(refs))
        number = len(self.asked)
        assert self.go.acquire(timeout=SOON)
        if number <= len(self.errors) and (error := self.errors[number - 1]) is not None:
            raise error
        return {ref: Snapshot(ref, int(ref.pk), 0, 0, None, None, 0) for ref in refs}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_loading, "WAIT", SOON)


def patiently(lane: batched_loading.Lane, refs: list[ObjectRef], seconds: float = SOON) -> dict[ObjectRef, Snapshot]:
    with connections.patience(seconds):
        return lane.load(refs)


def begin(
    pool: ThreadPoolExecutor, lane: batched_loading.Lane, loads: Loads, groups: Sequence[list[ObjectRef]]
) -> list[Future[Any]]:
    """Have one thread load, and the others wait for it."""
    futures = [pool.submit(patiently, lane, groups[0])]
    until(lambda: bool(loads.asked))
    futures += [pool.submit(patiently, lane, refs) for refs in groups[1:]]
    until(lambda: len(lane._waiting) == len(groups) - 1)
    return futures


def test_calls_that_come_meanwhile_are_loaded_together(patient: None) -> None:
    loads = Loads()
    lane = batched_loading.Lane(loads.load)
    groups = [[REFS[n], REFS[n + 1]] for n in range(10)]
    with ThreadPoolExecutor(10) as pool:
        futures = begin(pool, lane, loads, groups)
        loads.go.release(2)
        for refs, future in zip(groups, futures, strict=True):
            assert {ref: each.total_views for ref, each in future.result(SOON).items()} == {
                ref: int(ref.pk) for ref in refs
            }
    assert [sorted(map(str, asked)) for asked in loads.asked] == [
        sorted(map(str, REFS[:2])),
        sorted(map(str, REFS[1:11])),
    ]
    loads.go.release()
    assert lane.load(REFS[:1])  # no other thread counts as loading


def test_an_error_of_redis_reaches_every_caller(patient: None) -> None:
    """Each of them would wait for the same timeout."""
    loads = Loads()
    lane = batched_loading.Lane(loads.load)
    loads.errors = [None, redis.TimeoutError("no answer")]
    with ThreadPoolExecutor(4) as pool:
        futures = begin(pool, lane, loads, [[ref] for ref in REFS[:4]])
        loads.go.release(2)
        assert futures[0].result(SOON)
        for future in futures[1:]:
            with pytest.raises(redis.TimeoutError):
                future.result(SOON)
    assert len(loads.asked) == 2


def test_an_error_of_one_thread_is_its_own(patient: None) -> None:
    """Another's transaction or connection to the database may be at fault: the others load alone."""
    loads = Loads()
    lane = batched_loading.Lane(loads.load)
    loads.errors = [None, CountingUnavailable("my snapshot of the database is old")]
    with ThreadPoolExecutor(4) as pool:
        futures = begin(pool, lane, loads, [[ref] for ref in REFS[:4]])
        loads.go.release(4)
        assert futures[0].result(SOON)
        results = [future.exception(SOON) for future in futures[1:]]
    assert [type(each) for each in results if each] == [CountingUnavailable]
    assert len(loads.asked) == 4


@pytest.mark.parametrize(
    "first", [None, redis.ConnectionError("gone"), CountingUnavailable("behind"), ZeroDivisionError()]
)
def test_the_next_goes_on_whatever_became_of_the_first(first: BaseException | None, patient: None) -> None:
    loads = Loads()
    lane = batched_loading.Lane(loads.load)
    loads.errors = [first]
    with ThreadPoolExecutor(3) as pool:
        futures = begin(pool, lane, loads, [[ref] for ref in REFS[:3]])
        loads.go.release(2)
        assert type(futures[0].exception(SOON)) is type(first)
        assert all(future.result(SOON) for future in futures[1:])


def test_no_caller_waits_for_long_for_one_that_hangs() -> None:
    loads = Loads()
    lane = batched_loading.Lane(loads.load)
    with ThreadPoolExecutor(2) as pool:
        hangs = pool.submit(lane.load, REFS[:1])
        until(lambda: bool(loads.asked))
        alone = pool.submit(patiently, lane, REFS[1:2], 0.05)
        until(lambda: len(loads.asked) == 2)  # it does not wait any more
        loads.go.release(2)
        assert hangs.result(SOON)
        assert alone.result(SOON)
        assert not lane._waiting


def test_pages_share_loads(transactional_db: None, redis_client: redis.Redis, settings: Any) -> None:
    """Twenty threads with the same and with other objects, again and again: each gets its own, exact."""
    settings.DJINSIGHT_PAGE_TIMEOUT = settings.DJINSIGHT_REDIS_TIMEOUT = SOON
    count(view(ref) for ref in REFS for _ in range(int(ref.pk)))
    sites.check_database(0)

    def read(n: int) -> list[int]:
        try:
            refs = [REFS[n % 12], REFS[(n * 7 + 1) % 12]]
            return [live_numbers.read(refs)[ref].total_views - int(ref.pk) for ref in refs]
        finally:
            connection.close()

    for _ in range(3):
        redis_client.delete(
            "djinsight:none", *(key for ref in REFS for key in redis_client.scan_iter(f"djinsight:*:{ref}"))
        )
        with ThreadPoolExecutor(20) as pool:
            assert set(map(tuple, pool.map(read, range(60)))) == {(0, 0)}
    assert not batched_loading.lane(0, loading._load_shard)._waiting
