"""Segments: a counter is loaded from sums over the stream, exact as a walk over it, whatever happened to either."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djinsight import days
from djinsight.counting import entries, live_numbers, loading, scripts, sites
from djinsight.counting.script import source
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import CountingUnavailable
from djinsight.history.persist import drain, persist
from djinsight.history.stream import SPILL, Stream
from djinsight.models import DataLoss, PageViewStatistics, PageViewSummary, PersistCursor
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_together, view

EVENTS, META, SHED = "djinsight:events", "djinsight:meta", "djinsight:shed"
MANY = 100_000
OBJECTS = 40


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    return [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(4)]


def fill(refs: list[ObjectRef], number: int, at_once: int = 500) -> None:
    """Count so many views of ``refs`` in turn."""
    for start in range(0, number, at_once):
        batch = range(start, min(start + at_once, number))
        count_together([view(refs[n % len(refs)], f"visitor-{n % 97}") for n in batch])


def segments(client: redis.Redis) -> list[bytes]:
    return sorted(key for key in client.scan_iter("djinsight:pending:*") if b"block" not in key)


def blocks(client: redis.Redis) -> list[bytes]:
    return sorted(client.scan_iter("djinsight:pending:block:*"))


@contextmanager
def sizes(segment: int, block: int) -> Iterator[None]:
    """Have the scripts make segments of so many entries, and blocks of so many segments."""

    def sized(*names: str) -> str:
        text = source(*names).replace("local SEGMENT = 2048\n", f"local SEGMENT = {segment}\n")
        return text.replace("local BLOCK = 32 ", f"local BLOCK = {block} ")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "source", sized)
        sites._guarded.cache_clear()
        try:
            yield
        finally:
            sites._guarded.cache_clear()


def forget(client: redis.Redis, ref: ObjectRef) -> None:
    client.delete("djinsight:none", *client.scan_iter(f"djinsight:*:{ref}"))


def total(ref: ObjectRef) -> int:
    return live_numbers.read([ref])[ref].total_views


def walked(client: redis.Redis, ref: ObjectRef) -> tuple[int, int, int, int | None, int | None]:
    """The numbers of ``ref`` by a walk over the whole stream: what the database has, and what is behind the cursor."""
    row = PageViewStatistics.objects.filter(object_id=ref.pk).first()
    cursor = PersistCursor.objects.filter(shard=0).first()
    today = days.now()
    views, uniques = (row.total_views, row.unique_views) if row else (0, 0)
    times = [days.to_ms(row.first_viewed_at), days.to_ms(row.last_viewed_at)] if row else []
    summary = PageViewSummary.objects.filter(object_id=ref.pk, date=today.day).first()
    of_today = summary.total_views if summary else 0
    for _, parts in client.xrange(EVENTS, min=f"({cursor.last_id if cursor else '0-0'}"):
        fields = {**parts}
        numbers = entries.numbers(fields)
        if fields.get(b"r") == str(ref).encode() and numbers:
            n, unique, ms = numbers
            views, uniques, times = views + n, uniques + unique, [*times, ms]
            of_today += n if today.day_began_ms <= ms < today.day_ends_ms else 0
    for field, kept in client.hgetall(SHED).items():
        day, _, name = field.decode().partition(":")
        if name == str(ref):
            n, unique, _, ms = map(int, kept.decode().split(":"))
            views, uniques, times = views + n, uniques + unique, [*times, ms]
            of_today += n if int(day) == today.number else 0
    known = [ms for ms in times if ms is not None]
    return views, uniques, of_today, min(known, default=None), max(known, default=None)


def loaded(ref: ObjectRef) -> tuple[int, int, int, int | None, int | None]:
    return of(loading.load([ref])[ref])


def of(snapshot: Snapshot) -> tuple[int, int, int, int | None, int | None]:
    total_views, unique_views, views_today, first, last, *_ = snapshot.values()
    return total_views, unique_views, views_today, first, last


# What happens, and how much of it. Times are those of the views: minutes around the turn of a day.
HAPPENS = st.one_of(
    st.tuples(st.just("count"), st.integers(1, 40)),
    st.tuples(st.just("count"), st.integers(400, 512)),
    st.tuples(st.just("yesterday"), st.integers(1, 5)),
    st.tuples(st.just("persist"), st.integers(1, 3000)),
    st.tuples(st.just("commit, do not trim"), st.integers(1, 1500)),
    st.tuples(st.just("evict a segment"), st.integers(0, 9)),
    st.tuples(st.just("write over a segment"), st.integers(0, 9)),
    st.tuples(st.just("evict counters"), st.integers(0, 3)),
    st.tuples(st.just("evict a block"), st.integers(0, 9)),
    st.tuples(st.just("write over a block"), st.integers(0, 9)),
    st.tuples(st.just("evict counters"), st.integers(0, 3)),
    st.tuples(st.just("complete"), st.just(0)),
    st.tuples(st.just("lose all"), st.just(0)),
    st.tuples(st.just("lose the stream"), st.just(0)),
    st.tuples(st.just("shed"), st.integers(1, 20)),
    st.tuples(st.just("begin an epoch"), st.just(0)),
)


@pytest.mark.parametrize(("segment", "block"), [(2048, 32), (64, 4), (16, 3)])
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=st.lists(HAPPENS, min_size=1, max_size=25))
def test_as_a_walk(
    segment: int, block: int, history: list[tuple[str, int]], transactional_db: None, redis_client: redis.Redis
) -> None:
    """After any history, a loaded counter equals that of a walk. If it cannot be loaded at once, it soon can."""
    with sizes(segment, block):
        as_a_walk(history, redis_client)


def as_a_walk(history: list[tuple[str, int]], redis_client: redis.Redis) -> None:
    redis_client.flushall()
    for model in (PageViewStatistics, PageViewSummary, PersistCursor, DataLoss, Article):
        model.objects.all().delete()
    refs = [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(4)]
    for what, number in history:
        happen(what, number, refs, redis_client)
    for ref in refs:
        forget(redis_client, ref)
        if behind(redis_client):
            with pytest.raises(CountingUnavailable):
                loading.load([ref])
            continue
        expected = walked(redis_client, ref)
        assert eventually(ref) == expected
        complete()
        forget(redis_client, ref)
        assert loaded(ref) == expected


def complete() -> None:
    """Make segments and blocks again, as it is done in the background."""
    loading._complete(0)
    loading.wait()


def behind(client: redis.Redis) -> bool:
    """Return whether Redis knows of more persisted views than the database, as after a new epoch until the next run."""
    epoch, trimmed = client.hmget(META, "epoch", "trimmed")
    cursor = PersistCursor.objects.filter(shard=0).first()
    persisted = cursor.last_seq if cursor and epoch and cursor.epoch == epoch.decode() else 0
    return persisted < int(trimmed or 0)


def eventually(ref: ObjectRef) -> tuple[int, int, int, int | None, int | None]:
    """Load ``ref``; each try that does not succeed makes one segment again, besides the thread in the background."""
    for _ in range(2000):  # more than the segments of any history
        try:
            return loaded(ref)
        except CountingUnavailable:
            continue
    raise AssertionError("expected the segments to be made again")


def happen(what: str, number: int, refs: list[ObjectRef], client: redis.Redis) -> None:
    match what:
        case "count":
            count_together([view(refs[n % len(refs)], f"visitor-{n % 97}") for n in range(number)])
        case "yesterday":
            moment = days.at(days.now().day_began_ms - 1)
            count_together([view(refs[n % 2]) for n in range(number)], moment=moment)
        case "persist":
            drain(0, number)
        case "commit, do not trim":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Stream, "trim", lambda *args: 0)
                drain(0, number)
        case "evict a segment" if found := segments(client):
            client.delete(found[number % len(found)])
        case "write over a segment" if found := segments(client):
            key = found[number % len(found)]
            client.delete(key)
            client.set(key, "planted")
        case "evict counters":
            forget(client, refs[number])
        case "evict a block" if found := blocks(client):
            client.delete(found[number % len(found)])
        case "write over a block" if found := blocks(client):
            client.hset(found[number % len(found)], str(refs[0]), b"\xc1 planted")
        case "complete":
            complete()
        case "lose the stream":
            client.delete(EVENTS, META, SHED)
        case "lose all":
            client.flushall()
        case "shed":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("django.conf.settings.DJINSIGHT_STREAM_MAX_VIEWS", 1000, raising=False)
                fill(refs, 1000 + number)
        case "begin an epoch" if client.exists(META):
            Stream(0).begin_epoch(loading.new_epoch(), drop_shed=False)


@pytest.fixture
def many(transactional_db: None, redis_client: redis.Redis) -> list[ObjectRef]:
    """So many views of a few objects, none of which is persisted."""
    found = [ObjectRef("blog", "article", str(n)) for n in range(OBJECTS)]
    fill(found, MANY)
    return found


def work(client: redis.Redis) -> dict[str, int]:
    """Calls of each command since the statistics were reset, those of scripts included."""
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}


def test_what_a_page_reads_is_bounded(many: list[ObjectRef], redis_client: redis.Redis) -> None:
    """A walk would be 100,000 entries: with a never viewed object, an evicted one, fifty, and ten threads at once."""

    def read(refs: list[ObjectRef]) -> list[int]:
        try:
            return [each.total_views for each in live_numbers.read(refs).values()]
        finally:
            connection.close()

    never = [ObjectRef("blog", "article", str(10_000 + n)) for n in range(60)]
    cases: list[tuple[list[ObjectRef], int]] = [(never[:1], 0), (many[:1], MANY // OBJECTS), (never[10:], 0)]
    for refs, expected in cases:
        for ref in refs:
            forget(redis_client, ref)
        redis_client.config_resetstat()
        redis_client.slowlog_reset()
        assert read(refs) == [expected] * len(refs)
        done = work(redis_client)
        assert done["evalsha"] <= 3
        assert done["xrange"] == 1  # a look at where the cursor is
        assert done["xrevrange"] == 1  # and one at its end
        # The blocks, and the last two segments.
        assert done["hmget"] + done["lrange"] <= MANY // (2048 * 32) + 1 + 2 * 2 + 4 + 2 * len(refs)

    redis_client.config_resetstat()
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(read, [[ref] for ref in never[1:10]] + [[many[0]]])) == [[0]] * 9 + [[MANY // OBJECTS]]
    assert work(redis_client)["xrange"] <= 10


def test_the_database_is_asked_little(many: list[ObjectRef], django_assert_max_num_queries: Any) -> None:
    sites.check_database(0)  # once for each process
    with django_assert_max_num_queries(5):
        live_numbers.read([ObjectRef("blog", "article", str(10_000 + n)) for n in range(50)])


def test_all_segments_are_gone(many: list[ObjectRef], redis_client: redis.Redis) -> None:
    """The page shows what is persisted, and does not walk; the sums are made again behind its back."""
    redis_client.delete(*segments(redis_client))
    forget(redis_client, many[0])
    redis_client.config_resetstat()
    assert total(many[0]) == 0
    loading.wait()
    assert total(many[0]) == MANY // OBJECTS
    assert work(redis_client)["xrevrange"] <= 2 * MANY / 2048 + 9


def test_a_segment_that_is_gone_is_made_again_at_once(many: list[ObjectRef], redis_client: redis.Redis) -> None:
    for segment in (segments(redis_client)[3], b"djinsight:pending:0", b"djinsight:pending:%d" % (MANY // 2048)):
        redis_client.delete(segment)
        forget(redis_client, many[0])
        assert total(many[0]) == MANY // OBJECTS


def test_persisted_segments_go(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    fill(refs, 9000)
    before = [total(ref) for ref in refs]
    while drain(0, 1500).entries == 1500:
        assert len(segments(redis_client)) <= redis_client.xlen(EVENTS) / 2048 + 2
        forget(redis_client, refs[0])
        redis_client.config_resetstat()
        assert [total(ref) for ref in refs] == before
    assert segments(redis_client) == []
    assert redis_client.xlen(EVENTS) == 0


def test_a_segment_is_not_for_good(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    fill(refs, 9000)
    assert all(redis_client.ttl(each) > 0 for each in segments(redis_client))


def test_what_was_shed_is_moved_in_parts(refs: list[ObjectRef], redis_client: redis.Redis, settings: Any) -> None:
    """A hundred thousand sums in one script would hold Redis up; each part is counted where it is."""
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 1000
    fill(refs, 1000)
    many = [ObjectRef("blog", "article", str(10_000 + n)) for n in range(2500)]
    fill(many, 5000)
    assert [total(ref) for ref in many[::500]] == [2] * 5
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 10_000
    redis_client.config_resetstat()
    assert Stream(0).spill() == SPILL
    for ref in many[::100]:
        forget(redis_client, ref)
        assert total(ref) == 2
    persist()
    assert redis_client.hget(META, "shed_from") is None
    assert not redis_client.exists(SHED)


def test_the_scripts_agree_on_the_size() -> None:
    assert f"local SEGMENT = {loading.SEGMENT}\n" in scripts.load_counters.text
