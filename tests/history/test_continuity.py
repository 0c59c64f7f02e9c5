"""Continuity: if the stream changes between two runs, no view is stored twice, and each loss is recorded."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from django.core import serializers

from djinsight.counting import live_numbers
from djinsight.history import persist as persisting
from djinsight.history import stream
from djinsight.history.persist import drain, persist
from djinsight.history.stream import Stream
from djinsight.models import (
    DeadLetter,
    PageViewHour,
    PageViewLog,
    PageViewStatistics,
    PageViewSummary,
    PersistCursor,
)
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.tallies import live, losses, persisted, saved, sums

EVENTS = "djinsight:events"
META = "djinsight:meta"
SHED = "djinsight:shed"


@pytest.fixture
def ref(transactional_db: None) -> ObjectRef:
    return ObjectRef.of(Article.objects.create(title="a"))


def clock_ahead(client: redis.Redis) -> None:
    """Set the clock of Redis an hour ahead, so that the next ids are those of an hour later."""
    client.execute_command("XSETID", EVENTS, f"{int(time.time() + 3600) * 1000}-0")


def balanced(ref: ObjectRef, views: int) -> None:
    """Check that every table has all views, and that a page shows them."""
    assert sums() == [views] * 4
    assert live(ref)[0] == persisted(ref)[0] == views


# Redis comes back with older data


def test_ids_below_the_cursor_that_overtake_it_in_number(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 2)
    persist()
    restore = saved(redis_client)
    clock_ahead(redis_client)
    count_views(ref, 3)
    persist()
    restore()
    count_views(ref, 5)  # more than were lost, and with lower ids
    persist()
    balanced(ref, 10)
    assert losses() == [("rollback", None)]
    count_views(ref, 1)
    persist()
    balanced(ref, 11)
    assert losses() == [("rollback", None)]


def test_nothing_was_pending_when_it_was_saved(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """A run that finds the stream empty records no gap."""
    count_views(ref, 4)
    persist()
    restore = saved(redis_client)
    count_views(ref, 2)
    persist()
    restore()
    persist()
    assert losses() == [("rollback", None)]
    assert live(ref)[0] == 6
    count_views(ref, 1)
    persist()
    balanced(ref, 7)
    assert losses() == [("rollback", None)]


def test_saved_before_it_had_lost_its_data(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Redis comes back with the data set of an earlier epoch, and with the counters of that time."""
    count_views(ref, 2)
    persist()
    count_views(ref, 3)
    live_numbers.read([ref])
    restore = saved(redis_client)
    persist()
    redis_client.flushall()
    count_views(ref, 4)
    persist()
    assert losses() == [("epoch", None)]
    restore()
    count_views(ref, 1)
    persist()
    balanced(ref, 10)
    assert [views for _, views in losses()] == [None, None]


def test_saved_before_the_first_run(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """The stream that comes back was never trimmed: a page must not add persisted views a second time."""
    count_views(ref, 5)
    restore = saved(redis_client)
    persist()
    redis_client.flushall()
    count_views(ref, 1)
    persist()
    restore()
    redis_client.delete(f"djinsight:viewed:{ref}")  # so that a page before the run loads the counter
    assert live(ref)[0] <= 6
    persist()
    balanced(ref, 6)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_read_again_in_parts(ref: ObjectRef, redis_client: redis.Redis, batch: int) -> None:
    count_views(ref, 7)
    restore = saved(redis_client)
    count_views(ref, 4)
    persist()
    restore()
    count_views(ref, 2)
    while drain(0, limit=batch).entries:
        assert live(ref)[0] <= 13
    balanced(ref, 13)
    assert losses() == [("rollback", None)]


def test_sums_of_shed_views_are_not_added_again(ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 3
    count_views(ref, 8)
    drain(0)
    drain(0)  # the sum of five moves into the stream
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 1000
    assert sums() == [3, 8, 8, 8]
    assert losses() == [("shed", 5)]


def test_a_sum_in_the_stream_that_comes_back(
    ref: ObjectRef, redis_client: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 3
    count_views(ref, 8)
    drain(0)
    restores = []
    trim = Stream.trim

    def save_and_trim(*args: Any) -> int:
        restores.append(saved(redis_client))
        return trim(*args)

    monkeypatch.setattr(Stream, "trim", save_and_trim)
    drain(0)
    count_views(ref, 2)
    drain(0)
    assert sums() == [5, 10, 10, 10]
    restores[0]()
    persist()
    persist()
    assert sums() == [5, 10, 10, 10]
    assert live(ref)[0] == 10
    assert losses() == [("shed", 5), ("rollback", None)]


def test_shed_views_that_come_back(ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 3
    count_views(ref, 8)
    restore = saved(redis_client)
    persist()
    persist()
    persist()
    assert sums() == [3, 8, 8, 8]
    restore()
    for _ in range(3):
        persist()
    assert sums() == [3, 8, 8, 8]
    assert live(ref)[0] == 8
    assert losses() == [("shed", 5), ("rollback", None)]


def test_dead_letters_are_not_set_aside_again(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 1)
    redis_client.xadd(EVENTS, {"garbage": "once"})
    restore = saved(redis_client)
    count_views(ref, 1)
    persist()
    restore()
    persist()
    assert DeadLetter.objects.count() == 1
    balanced(ref, 2)


def test_a_crash_between_the_new_epoch_and_the_commit(
    ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each case the loss is recorded once, and counters from before are not used."""
    count_views(ref, 5)
    live_numbers.read([ref])
    restore = saved(redis_client)
    count_views(ref, 4)
    persist()
    restore()

    def crash(*args: Any) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(persisting, "write_views", crash)
        with pytest.raises(InterruptedError):
            persist()
    with monkeypatch.context() as patched:
        patched.setattr(Stream, "trim", crash)
        with pytest.raises(InterruptedError):
            persist()
    persist()
    balanced(ref, 9)
    assert len(losses()) == 1


# Other programs that write to the stream


def test_a_tail_that_is_gone_is_noticed_at_once(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 2)
    persist()
    count_views(ref, 5)
    redis_client.xtrim(EVENTS, maxlen=2, approximate=False)
    newest = redis_client.xrevrange(EVENTS, count=1)[0][0]
    redis_client.xdel(EVENTS, newest)
    persist()
    assert losses() == [("gap", 3), ("gap", 1)]
    persist()
    count_views(ref, 1)
    persist()
    assert losses() == [("gap", 3), ("gap", 1)]
    assert sums() == [4] * 4


def test_a_stream_that_is_deleted(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 3)
    redis_client.delete(EVENTS)
    persist()
    assert losses() == [("gap", 3)]
    count_views(ref, 2)
    persist()
    assert losses() == [("gap", 3)]
    assert sums() == [2] * 4


@pytest.mark.parametrize("pending", [0, 2])
def test_a_stream_that_begins_again_below_the_cursor(ref: ObjectRef, redis_client: redis.Redis, pending: int) -> None:
    """The stream was deleted while the clock was ahead, so new entries have ids below the cursor's."""
    count_views(ref, 1)
    clock_ahead(redis_client)
    count_views(ref, 3)
    persist()
    count_views(ref, pending)
    redis_client.delete(EVENTS)
    count_views(ref, 2)
    persist()
    count_views(ref, 1)
    persist()
    assert sums() == [7] * 4
    assert losses() == ([("gap", pending)] if pending else [])
    redis_client.delete(f"djinsight:viewed:{ref}", f"djinsight:counter:{ref}")
    assert live(ref)[0] == 7


@pytest.mark.parametrize("number", [None, "0", "1", "3", "999999"])
def test_garbage_takes_no_number(ref: ObjectRef, redis_client: redis.Redis, number: str | None) -> None:
    count_views(ref, 2)
    redis_client.xadd(EVENTS, {"garbage": "x"} if number is None else {"s": number, "r": "?"})
    persist()
    persist()
    count_views(ref, 1)
    persist()
    balanced(ref, 3)
    assert losses() == []
    assert DeadLetter.objects.count() == 1


def test_meta_that_is_deleted(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 2)
    persist()
    count_views(ref, 3)
    redis_client.delete(META)
    assert live(ref)[0] == 5
    count_views(ref, 1)
    persist()
    persist()
    balanced(ref, 6)
    assert losses() == [("epoch", None)]


@pytest.mark.parametrize("key", ["events", "meta", "shed", "ids"])
def test_a_planted_key_of_the_wrong_type(ref: ObjectRef, redis_client: redis.Redis, key: str) -> None:
    """The key is dropped. Views count, and the loss of the key that it replaced is recorded."""
    count_views(ref, 2)
    persist()
    live_numbers.read([ref])
    count_views(ref, 3)
    (name,) = list(redis_client.scan_iter(f"djinsight:{key}*")) or [f"djinsight:{key}"]
    redis_client.delete(name)
    redis_client.set(name, "planted")
    count_views(ref, 1)
    persist()
    persist()
    lost = 3 if key == "events" else 0
    assert sums() == [6 - lost] * 4
    assert losses() == {"events": [("gap", 3)], "meta": [("epoch", None)]}.get(key, [])
    assert live(ref)[0] == 6


def test_garbage_among_the_shed(ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 2
    count_views(ref, 4)
    redis_client.hset(SHED, "planted", "x")
    redis_client.hset(SHED, f"20000:{ref}", "y")
    redis_client.delete(f"djinsight:viewed:{ref}")
    assert live(ref)[0] == 4
    persist()
    persist()
    assert sums() == [2, 4, 4, 4]
    assert DeadLetter.objects.count() == 2


@pytest.mark.parametrize(
    ("lost", "later", "kept"),
    [
        pytest.param(6, 7, 2 + 7, id="the first two and the last seven are what Redis has"),
        pytest.param(2, 3, 2 + 2 + 3, id="all: the last page of the old data was asked for before"),
    ],
)
def test_redis_goes_back_while_it_is_read(
    ref: ObjectRef, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, lost: int, later: int, kept: int
) -> None:
    """Redis restarts with older data between two pages of one read."""
    count_views(ref, 2)
    restore = saved(redis_client)
    count_views(ref, lost)
    monkeypatch.setattr(stream, "PAGE", 4)
    after = Stream.after

    def interrupted(*args: Any) -> Any:
        entries = after(*args)
        yield from (next(entries) for _ in range(4))
        patched.undo()
        restore()
        count_views(ref, later)
        yield from entries

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "after", interrupted)
        persist()
    persist()
    balanced(ref, kept)
    assert losses() == [("rollback", None)]


def test_the_database_comes_back_with_older_data(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """After a restore of the database, views that were trimmed from Redis since are lost; their number is recorded."""
    tables = (PersistCursor, PageViewLog, PageViewStatistics, PageViewSummary, PageViewHour)
    count_views(ref, 2)
    persist()
    backup = [serializers.serialize("json", table.objects.all()) for table in tables]
    count_views(ref, 5)
    persist()
    for table, rows in zip(tables, backup, strict=True):
        table.objects.all().delete()
        for row in serializers.deserialize("json", rows):
            row.save()
    count_views(ref, 1)
    persist()
    assert losses() == [("gap", 5)]
    assert sums() == [3] * 4


# Memory


def test_a_stream_that_fills_the_memory_is_persisted_and_trimmed(
    ref: ObjectRef, redis_client: redis.Redis, settings: Any
) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 3
    count_views(ref, 5)
    redis_client.config_set("maxmemory", 1)
    try:
        persist()
        assert redis_client.xlen(EVENTS) == 0
    finally:
        redis_client.config_set("maxmemory", 0)
    persist()
    assert sums() == [3, 5, 5, 5]
    assert losses() == [("shed", 2)]


def test_a_rollback_into_a_full_memory(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 3)
    restore = saved(redis_client)
    count_views(ref, 3)
    persist()
    restore()
    redis_client.config_set("maxmemory", 1)
    try:
        persist()
        assert redis_client.xlen(EVENTS) == 0
    finally:
        redis_client.config_set("maxmemory", 0)
    balanced(ref, 6)


# Shards


def test_a_server_that_is_down_does_not_stop_the_others(settings: Any, transactional_db: None) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 3
    articles = [Article.objects.create(title=str(n)) for n in range(12)]
    for article in articles:
        count_views(ObjectRef.of(article), 1)
    url = settings.DJINSIGHT_REDIS_URL
    settings.DJINSIGHT_REDIS_URL = ["redis://127.0.0.1:1/0", url, url]
    with pytest.raises(redis.ConnectionError):
        persist()
    written = sums()[0]
    assert 0 < written < 12
    settings.DJINSIGHT_REDIS_URL = url
    persist()
    assert sums() == [12] * 4


def test_an_uninstalled_model_in_a_stream_that_comes_back(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ObjectRef("blog", "ghost", "w"), 1)
    count_views(ref, 1)
    restore = saved(redis_client)
    count_views(ref, 1)
    persist()
    restore()
    persist()
    assert DeadLetter.objects.count() == 1
    balanced(ref, 2)
