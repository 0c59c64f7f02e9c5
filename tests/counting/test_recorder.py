"""The recorder: one script call for all that wait, an answer for each, exactly one count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.db import close_old_connections

from djinsight import days
from djinsight.counting import baseline, calls, connections, live_numbers, recorder
from djinsight.counting.recorder import FEW, MAX_BATCH, Lane, Recorder
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable, Reason, Rejected
from djinsight.history import baseline as history_baseline
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views, view
from tests.support.loop_iterations import settled
from tests.support.sockets import WITHIN, view_id

pytestmark = pytest.mark.usefixtures("transactional_db")

Updates = list[Snapshot]


@pytest.fixture
def updates() -> Updates:
    return []


@pytest.fixture
async def recording(updates: Updates) -> AsyncIterator[Recorder]:
    each = Recorder(updates.extend)
    yield each
    await each.aclose()
    await connections.aclose()


def calls_of(client: redis.Redis, name: str) -> int:
    return int(client.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})["calls"])


async def warm(recording: Recorder, ref: ObjectRef) -> None:
    await live_numbers.aread([ref])


async def test_three_hundred_at_once_on_a_cold_process(
    recording: Recorder, updates: Updates, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    redis_client.config_resetstat()
    answers = [recording.record(view(ref, f"visitor-{n % 7}")) for n in range(300)]
    assert sum(await asyncio.gather(*answers)) == 7
    await recording.aclose()
    assert max(each.total_views for each in updates) == 300
    assert (await live_numbers.aread([ref]))[ref].unique_views == 7
    assert redis_client.xlen("djinsight:events") == 300
    # One call for all that came before it was sent, one more where Redis did not know the script, and the claim of an
    # empty Redis.
    assert calls_of(redis_client, "evalsha") + calls_of(redis_client, "eval") <= 10


async def test_views_queue_behind_the_call_in_flight(
    recording: Recorder, updates: Updates, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    await warm(recording, ref)
    await recording.record(view(ref))
    redis_client.config_resetstat()
    first = recording.record(view(ref))
    await settled(1)  # it is on its way
    rest = [recording.record(view(ref)) for _ in range(FEW)]
    await asyncio.gather(first, *rest)
    assert calls_of(redis_client, "evalsha") == 2
    assert [each.total_views for each in updates[-2:]] == [2, 2 + FEW]


async def test_calls_become_alike(recording: Recorder, updates: Updates, ref: ObjectRef) -> None:
    """Of many that wait, the mean of them and of the last call goes, and not 399 where one went before."""
    await warm(recording, ref)
    await recording.record(view(ref))
    first = recording.record(view(ref))
    await settled(1)  # it is on its way
    await asyncio.gather(first, *(recording.record(view(ref)) for _ in range(399)))
    assert [each.total_views for each in updates[-3:]] == [2, 2 + 200, 2 + 200 + 199]


async def test_the_next_call_is_sent_before_the_answers_of_the_last_are_given(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    """Redis counts while the server answers."""
    await warm(recording, ref)
    await recording.record(view(ref))
    redis_client.config_resetstat()
    loop = asyncio.get_running_loop()
    seen: list[int] = []
    done = loop.create_future()

    def first(view_id: str, outcome: bool | Reason) -> None:
        deadline = loop.time() + 5  # nothing else can happen in this loop meanwhile
        while calls_of(redis_client, "evalsha") < 2 and loop.time() < deadline:
            pass
        seen.append(calls_of(redis_client, "evalsha"))

    recording.submit(view(ref), first)
    await settled(1)  # it is on its way
    recording.submit(view(ref), lambda view_id, outcome: done.set_result(outcome))
    assert await done is False
    assert seen == [2]


async def test_a_batch_has_a_bound(
    recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_BATCH", 10)
    await warm(recording, ref)
    await recording.record(view(ref))
    redis_client.config_resetstat()
    await asyncio.gather(*(recording.record(view(ref)) for _ in range(35)))
    assert calls_of(redis_client, "evalsha") == 4
    assert (await live_numbers.aread([ref]))[ref].total_views == 36


async def test_a_full_process_says_busy(recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_QUEUE", 5)
    answers = [recording.record(view(ref)) for _ in range(5)]
    with pytest.raises(Rejected) as refused:
        recording.record(view(ref))
    assert refused.value.reason == Reason.BUSY
    await asyncio.gather(*answers)
    await recording.record(view(ref))
    assert (await live_numbers.aread([ref]))[ref].total_views == 6


async def test_full_view_ids_say_busy(recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_VIEW_IDS", 3)
    answers = await asyncio.gather(*(recording.record(view(ref)) for _ in range(5)), return_exceptions=True)
    assert [each for each in answers if isinstance(each, bool)] == [True, False, False]
    assert [each.reason for each in answers if isinstance(each, Rejected)] == [Reason.BUSY, Reason.BUSY]


async def test_a_visitor_of_everything_is_not_unique(
    recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unique views are never overstated: past the bound no visitor is new."""
    monkeypatch.setattr(calls, "MAX_SEEN", 2)
    others = [ObjectRef("blog", "article", str(n)) for n in range(900, 904)]
    assert await asyncio.gather(*(recording.record(view(each)) for each in others)) == [True, True, False, False]
    assert await recording.record(view(others[0])) is False


async def test_the_same_id_twice_in_a_batch(recording: Recorder, ref: ObjectRef) -> None:
    answers = [recording.record(view(ref, id=view_id(5))) for _ in range(4)]
    assert await asyncio.gather(*answers) == [True, False, False, False]
    assert (await live_numbers.aread([ref]))[ref].total_views == 1


async def test_a_view_sent_again_tells_the_counters_as_they_are(
    recording: Recorder, updates: Updates, ref: ObjectRef
) -> None:
    await warm(recording, ref)
    for _ in range(2):
        await recording.record(view(ref, id=view_id(5)))
    await recording.aclose()
    first, again = updates
    assert (first.total_views, again) == (1, first)


async def test_scripts_that_redis_forgot(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis) -> None:
    for _ in range(3):
        redis_client.script_flush()
        await recording.record(view(ref))
    assert (await live_numbers.aread([ref]))[ref].total_views == 3


async def test_connections_that_redis_closed(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis) -> None:
    for _ in range(3):
        await recording.record(view(ref))
        redis_client.client_kill_filter(_type="normal", skipme=True)
    await recording.record(view(ref))
    assert (await live_numbers.aread([ref]))[ref].total_views == 4


async def test_redis_down(recording: Recorder, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    answers = await asyncio.gather(*(recording.record(view(ref)) for _ in range(3)), return_exceptions=True)
    assert [each.reason for each in answers if isinstance(each, Rejected)] == [Reason.UNAVAILABLE] * 3


async def test_no_view_waits_behind_a_call_without_an_answer(
    recording: Recorder, ref: ObjectRef, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A Redis that takes connections and is silent: all that wait are refused with the first call, not each batch."""
    taken: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: taken.append(writer), "127.0.0.1", 0)
    async with silent:
        settings.DJINSIGHT_REDIS_URL = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0"
        settings.DJINSIGHT_REDIS_TIMEOUT = 0.2
        answers = [recording.record(view(ref)) for _ in range(3 * MAX_BATCH)]
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        await connections.aclose()
        for writer in taken:
            writer.close()
    assert {each.reason for each in outcomes if isinstance(each, Rejected)} == {Reason.UNAVAILABLE}
    said = [record.getMessage().partition(" ")[0] for record in caplog.records if "not counted" in record.getMessage()]
    assert said == [str(3 * MAX_BATCH)]


async def test_who_does_not_wait_any_more_is_counted(recording: Recorder, ref: ObjectRef) -> None:
    answers = [recording.record(view(ref)) for _ in range(3)]
    answers[1].cancel()
    assert await asyncio.gather(answers[0], answers[2]) == [True, False]
    assert (await live_numbers.aread([ref]))[ref].total_views == 3


async def test_memory_that_is_full(recording: Recorder, ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Redis refuses to write: so is the view, and it counts when there is room again."""
    await recording.record(view(ref))
    redis_client.config_set("maxmemory", 1)
    try:
        with pytest.raises(Rejected) as refused:
            await recording.record(view(ref, id=view_id(1)))
        assert refused.value.reason == Reason.BUSY
    finally:
        redis_client.config_set("maxmemory", 0)
    await recording.record(view(ref, id=view_id(1)))
    assert (await live_numbers.aread([ref]))[ref].total_views == 2
    assert redis_client.xlen("djinsight:events") == 2


def test_two_event_loops_in_one_process(ref: ObjectRef) -> None:
    async def one_view() -> bool:
        recording = Recorder(lambda snapshots: None)
        unique = await recording.record(view(ref))
        await recording.aclose()
        return unique

    assert [asyncio.run(one_view()) for _ in range(3)] == [True, False, False]
    assert live_numbers.read([ref])[ref].total_views == 3


async def test_a_database_that_is_down_is_not_asked_with_each_call(
    recording: Recorder, updates: Updates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refs = [ObjectRef("blog", "article", str(n)) for n in range(1, 5)]
    asked: list[int] = []

    def fail(shard: int, refs: Any, moment: days.Moment) -> baseline.Persistence:
        asked.append(len(refs))
        raise CountingUnavailable("the database does not answer")

    async def viewed(ref: ObjectRef) -> None:
        assert await recording.record(view(ref))
        await recording.aclose()

    monkeypatch.setattr(recorder, "LOAD_AGAIN_AFTER", 3600.0)
    baseline.use(fail, close_old_connections, history_baseline.identify)
    try:
        for ref in refs[:3]:
            await viewed(ref)
        assert asked == [1]
        assert caplog.text.count("could not be loaded") == 1
    finally:
        baseline.use(history_baseline.load, close_old_connections, history_baseline.identify)
    assert not updates
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + 3601)
    await viewed(refs[3])
    # The first is loaded with its next view, as before; the others waited.
    assert {each.ref: each.total_views for each in updates} == dict.fromkeys(refs[1:], 1)


async def test_shards(recording: Recorder, settings: Any, redis_client: redis.Redis) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 3
    refs = [ObjectRef("blog", "article", str(n)) for n in range(30)]
    await asyncio.gather(*(recording.record(view(ref)) for ref in refs))
    assert [each.total_views for each in (await live_numbers.aread(refs)).values()] == [1] * 30
    assert sum(redis_client.xlen(f"djinsight:{{{k}}}:events") for k in range(3)) == 30


@pytest.mark.parametrize("key", ["session:________________planted", "counter:{ref}", "viewed:{ref}", "day:*"])
async def test_a_planted_key_does_not_stop_its_neighbours(
    key: str, recording: Recorder, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    other = ObjectRef("blog", "article", "other")
    await asyncio.gather(*(recording.record(view(each, "planted")) for each in (ref, other)))
    await live_numbers.aread([ref, other])
    for name in redis_client.scan_iter("djinsight:" + key.format(ref=ref)):
        redis_client.delete(name)
        redis_client.lpush(name, "planted")
    answers = [recording.record(view(each, "planted")) for each in (ref, other, ref)]
    assert await asyncio.gather(*answers) == [False, False, False]
    found = await live_numbers.aread([ref, other])
    assert (found[ref].total_views, found[other].total_views) == (3, 2)
    assert redis_client.xlen("djinsight:events") == 5
    assert redis_client.hget("djinsight:meta", "seq") == b"5"


async def test_an_error_of_ours_leaves_no_caller_waiting(
    recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "MAX_BATCH", 2)

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(recorder, "Call", fail)
        answers = [recording.record(view(ref)) for _ in range(5)]
        refused = await asyncio.gather(*answers, return_exceptions=True)
    assert [each.reason for each in refused if isinstance(each, Rejected)] == [Reason.UNAVAILABLE] * 5
    assert "ZeroDivisionError" in caplog.text
    assert await recording.record(view(ref)) is True


async def test_a_loop_that_ends_leaves_no_caller_waiting(
    recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_BATCH", 2)
    answers = [recording.record(view(ref)) for _ in range(5)]
    await settled(1)
    (task,) = [each for each in asyncio.all_tasks() if "Lane._run" in repr(each)]
    task.cancel()
    refused = await asyncio.gather(*answers, return_exceptions=True)
    assert [each.reason for each in refused if isinstance(each, Rejected)] == [Reason.UNAVAILABLE] * 5
    assert await recording.record(view(ref)) is not None


async def test_a_loop_that_ends_answers_what_redis_has(
    recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_BATCH", 2)
    taken: list[int] = []
    take = Lane._take

    def take_and_end(lane: Lane) -> Any:
        batch = take(lane)
        taken.append(len(batch))
        if len(taken) == 2:  # the answers of the first call are not given yet
            assert lane.task is not None
            lane.task.cancel()
        return batch

    monkeypatch.setattr(Lane, "_take", take_and_end)
    answers = [recording.record(view(ref)) for _ in range(5)]
    async with asyncio.timeout(WITHIN):
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
    assert outcomes[:2] == [True, False]
    reasons = [each.reason for each in outcomes[2:] if isinstance(each, Rejected)]
    # redis-py 6 sends with asyncio.wait_for, which loses a cancellation in Python 3.11: the rest is then counted.
    goes_on = redis.__version__.startswith("6.") and outcomes[2:] == [False] * 3
    assert reasons == [Reason.UNAVAILABLE] * 3 or goes_on


@pytest.mark.parametrize("hours", [-30 * 24, -1, 0.2, 25, 400 * 24])
async def test_a_server_whose_clock_is_wrong(
    hours: float, recording: Recorder, ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views are dated, and found when they are sent again, by Redis's clock, which all servers share."""
    assert await recording.record(view(ref, id=view_id(3))) is True
    seconds, microseconds = redis_client.time()
    moment = days.at(seconds * 1000 + microseconds // 1000)
    with monkeypatch.context() as patch:
        patch.setattr(days, "time", SimpleNamespace(time=lambda: time.time() + hours * 3600, monotonic=time.monotonic))
        # Another process, which has not learnt of it.
        days.forget_offset()
        other = Recorder(lambda snapshots: None)
        assert await other.record(view(ref, id=view_id(3))) is False
        assert await other.record(view(ref, "somebody")) is True
        snapshot = (await live_numbers.aread([ref]))[ref]
        days.forget_offset()
        assert snapshot == (await live_numbers.aread([ref]))[ref] == live_numbers.read([ref])[ref]
        await other.aclose()
    assert snapshot[1:4] == (2, 2, 2)
    assert snapshot.last_viewed_ms is not None
    assert moment.ms <= snapshot.last_viewed_ms < moment.ms + 60_000
    assert snapshot.day - moment.number in (0, 1)
    assert {redis_client.ttl(key) > 0 for key in redis_client.scan_iter("djinsight:ids:*")} == {True}
    for _, fields in redis_client.xrange("djinsight:events"):
        assert moment.ms - 60_000 < int(fields[b"t"]) < moment.ms + 60_000


def test_a_server_that_only_reads_and_whose_clock_is_wrong(
    ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Today is Redis's, for a page that never counts, cold or warm."""
    count_views(ref, 2)
    monkeypatch.setattr(days, "time", SimpleNamespace(time=lambda: time.time() + 86_400, monotonic=time.monotonic))
    for _ in range(2):
        days.forget_offset()
        assert live_numbers.read([ref])[ref].views_today == 2


@pytest.mark.parametrize("seconds", [-600, -1, 0, 1, 1199])
async def test_a_view_sent_again_to_a_server_whose_clock_differs(
    seconds: int, recording: Recorder, ref: ObjectRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the turn of a stretch too: the id is found where the other server has put it."""
    turn = calls.VIEW_ID_MEMORY * (1_790_000_000 // calls.VIEW_ID_MEMORY) * 1000
    at = {"ms": turn}
    monkeypatch.setattr(days, "now", lambda: days.at(at["ms"]))
    assert await recording.record(view(ref, id=view_id(3))) is True
    at["ms"] += seconds * 1000
    assert await recording.record(view(ref, id=view_id(3))) is False
    assert (await live_numbers.aread([ref]))[ref].total_views == 1
