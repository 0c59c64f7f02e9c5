"""Losses in Redis: they are recorded, all other views are written once, and no number goes down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.contenttypes.models import ContentType

from djinsight.history.persist import persist
from djinsight.models import DeadLetter, PageViewLog
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Term
from tests.faults import ledger
from tests.faults.crowd import Crowd
from tests.faults.redis import Redis
from tests.faults.soak import times
from tests.faults.traffic import Traffic
from tests.support.poison import POISON
from tests.support.processes import Process
from tests.support.tallies import live, losses, persisted

pytestmark = pytest.mark.once

EVENTS = "djinsight:events"


@pytest.fixture
def worker(own_redis: Redis, start: Callable[..., Process]) -> Process:
    """A worker that persists in a loop, on the test's Redis."""
    own = json.dumps({"DJINSIGHT_REDIS_URL": own_redis.url})
    process = start("-m", "tests.faults.worker", TEST_SETTINGS=own)
    process.wait_for("ready")
    return process


def settle(fault: str, traffic: Traffic, expected: list[tuple[str, int | None]], garbage: int = 0) -> ledger.Account:
    """Persist the remaining views, and check the balance and that exactly the expected losses are recorded."""
    accepted = traffic.stop()
    drain()
    account = ledger.close(fault, accepted, garbage)
    assert losses() == expected
    return account


def drain() -> None:
    while persist().entries:
        pass


def agree(refs: Sequence[ObjectRef]) -> bool:
    return all(live(ref)[0] == persisted(ref)[0] for ref in refs)


def test_redis_starts_without_its_data(traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    traffic.start()
    before = dict.fromkeys(traffic.refs, 0)
    for _ in range(times(2)):
        traffic.more(60)
        own_redis.kill()
        own_redis.lose_data()
        own_redis.start()
        traffic.more(60)
        drain()
        after = {ref: persisted(ref)[0] for ref in traffic.refs}
        assert all(after[ref] >= before[ref] for ref in traffic.refs)
        before = after
    settle("Redis without its data", traffic, [("epoch", None)] * times(2))
    assert agree(traffic.refs)


def test_redis_comes_back_with_older_data(traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    traffic.start()
    for _ in range(times(2)):
        traffic.more(60)
        copied = own_redis.copy()
        traffic.more(60)
        drain()  # now the database is ahead of the copy
        own_redis.restore(copied)
        traffic.more(60)
        drain()
    settle("Redis with older data", traffic, [("rollback", None)] * times(2))
    assert agree(traffic.refs)


def test_older_data_from_before_it_was_lost(traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    """A backup is restored after Redis has lost its data."""
    traffic.start()
    traffic.more(60)
    copied = own_redis.copy()
    traffic.more(60)
    drain()
    own_redis.kill()
    own_redis.lose_data()
    own_redis.start()
    traffic.more(60)
    drain()
    own_redis.restore(copied)
    traffic.more(60)
    settle("Redis from a backup", traffic, [("epoch", None), ("rollback", None)])
    assert agree(traffic.refs)


@pytest.mark.parametrize("what", ["everything", "the stream"])
def test_the_clock_is_set_back(what: str, traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    """The clock was an hour ahead when the stream was written, so the next ids are smaller than the stream's."""
    traffic.start()
    traffic.more(60)
    with own_redis.client() as client:
        client.execute_command("XSETID", EVENTS, f"{int(time.time() + 3600) * 1000}-0")
        traffic.more(60)
        drain()
        if what == "everything":
            own_redis.kill()
            own_redis.lose_data()
            own_redis.start()
        else:
            client.delete(EVENTS)
        traffic.more(60)
    accepted = traffic.stop()
    drain()
    account = ledger.close(f"clock set back, without {what}", accepted)
    kinds = {kind for kind, _ in losses()}
    assert kinds == {"epoch"} if what == "everything" else kinds <= {"gap"}
    assert account.unknown == (what == "everything")


def test_a_third_party_trims_the_stream(traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    """The number of lost views is known exactly, so the ledger balances."""
    traffic.start()
    taken = 0
    with own_redis.client() as client:
        for _ in range(times(30)):
            traffic.more(10)
            taken += client.xtrim(EVENTS, maxlen=0, approximate=False)
    accepted = traffic.stop()
    drain()
    account = ledger.close("stream trimmed by others", accepted)
    assert 0 < account.missing <= taken
    assert {kind for kind, _ in losses()} == {"gap"}


def test_a_third_party_trims_what_a_worker_is_about_to(
    traffic: Traffic, own_redis: Redis, start: Callable[..., Process]
) -> None:
    """A worker has committed but not trimmed. Unread views become a gap, and no view is written twice."""
    own = json.dumps({"DJINSIGHT_REDIS_URL": own_redis.url})
    traffic.start()
    traffic.more(20)
    stopped = start("-m", "tests.faults.worker", "committed", TEST_SETTINGS=own)
    stopped.wait_for("at committed")
    accepted = traffic.stop()
    stored = PageViewLog.objects.count()
    with own_redis.client() as client:
        taken = client.xtrim(EVENTS, maxlen=0, approximate=False)
    drain()
    account = ledger.close("stream trimmed in between", accepted)
    assert 0 < stored == account.rows
    assert account.missing == taken - stored
    assert {kind for kind, _ in losses()} <= {"gap"}


def test_poison_among_the_views(traffic: Traffic, own_redis: Redis, worker: Process) -> None:
    traffic.start()
    with own_redis.client() as client:
        for poison in POISON.values():
            traffic.more(5)
            client.xadd(EVENTS, {name: value for name, value in poison.items() if name != "s"})
        traffic.more(20)
    settle("poison", traffic, [], garbage=len(POISON))
    assert DeadLetter.objects.count() == len(POISON)
    assert all(persisted(ref)[0] == views for ref, views in traffic.accepted.items())


def test_a_content_type_that_is_gone(
    traffic: Traffic, own_redis: Redis, start: Callable[..., Process], refs: list[ObjectRef]
) -> None:
    """The worker creates it again, because the model is installed, and loses no view."""
    term = ObjectRef.of(Term.objects.create(word="w"))
    refs.append(term)
    traffic.start()
    traffic.more(60)
    ContentType.objects.filter(model="term").delete()
    ContentType.objects.clear_cache()
    own = json.dumps({"DJINSIGHT_REDIS_URL": own_redis.url})
    start("-m", "tests.faults.worker", TEST_SETTINGS=own).wait_for("wrote")
    traffic.more(60)
    account = settle("content type gone", traffic, [])
    ContentType.objects.clear_cache()
    assert account.letters == 0
    assert persisted(term)[0] == traffic.accepted[term]


def test_the_stream_is_full(traffic: Traffic, own_redis: Redis, settings: Any, start: Callable[..., Process]) -> None:
    """Without a worker, views that exceed the limit are counted without their detail, and recorded."""
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 100
    traffic.start()
    for _ in range(times(1)):
        traffic.more(300)
        own = json.dumps({"DJINSIGHT_REDIS_URL": own_redis.url, "DJINSIGHT_STREAM_MAX_VIEWS": 100})
        worker = start("-m", "tests.faults.worker", TEST_SETTINGS=own)
        traffic.more(200)
        worker.kill()
    accepted = traffic.stop()
    drain()
    account = ledger.close("stream full", accepted)
    assert account.shed >= 200
    assert account.totals == accepted
    assert all(live(ref)[0] == persisted(ref)[0] == views for ref, views in traffic.accepted.items())


@pytest.mark.parametrize("what", ["nothing", "older data"])
async def test_pages_while_redis_comes_back_with(
    what: str,
    own_redis: Redis,
    site: Callable[..., str],
    worker: Process,
    ref: ObjectRef,
    view_token: str,
    watch_token: str,
) -> None:
    """A page keeps its number until there is a greater one, and ends on the true number."""

    def numbers() -> tuple[int, int]:
        drain()
        return live(ref)[0], persisted(ref)[0]

    async with Crowd(site(), view_token, watch_token) as crowd:
        await crowd.more(50)
        copied = own_redis.copy()
        await crowd.more(50)
        own_redis.kill()
        own_redis.lose_data()
        own_redis.start()
        if what == "older data":
            own_redis.restore(copied)
        await crowd.more(300)
        accepted = await crowd.finish()
        shown, written = await database_sync_to_async(numbers)()
        assert shown == written <= accepted
        await crowd.converge(shown)
    account = await database_sync_to_async(ledger.close)(f"pages: Redis with {what}", accepted)
    assert account.unknown == 1
