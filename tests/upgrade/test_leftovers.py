"""Leftovers of djinsight 0.x in Redis: recognised by their names, and imported once."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import Sum
from django.test import override_settings

from djinsight import days
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import OlderRecord, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from djinsight.upgrade import layout, records
from djinsight.upgrade.layout import Kind, OlderKey
from tests.blog.models import Article, Comment, News
from tests.support import gates
from tests.support.commands import run
from tests.support.counted_views import count, count_views
from tests.support.counted_views import view as new_view
from tests.support.older_layout import PREFIX, SESSION, view

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture(autouse=True)
def database(transactional_db: None) -> None:
    """Let every test of this module commit transactions."""


def live(ref: ObjectRef) -> tuple[int, int]:
    snapshot = live_numbers.read([ref])[ref]
    return snapshot.total_views, snapshot.unique_views


def persisted(ref: ObjectRef) -> tuple[int, int]:
    rows = PageViewStatistics.objects.filter(content_type__model=ref.model_name, object_id=ref.pk)
    return rows.values_list("total_views", "unique_views").first() or (0, 0)


def sums() -> list[int]:
    tables = (PageViewStatistics, PageViewSummary, PageViewHour)
    return [PageViewLog.objects.count(), *(t.objects.aggregate(n=Sum("total_views", default=0))["n"] for t in tables)]


# The names of keys

OLDER: dict[str, tuple[Any, ...]] = {
    UUID: (Kind.RECORD,),
    "counter:5": (Kind.COUNTER, "", "5"),
    "unique_counter:5": (Kind.UNIQUE_COUNTER, "", "5"),
    "counter:blog.article:5": (Kind.COUNTER, "blog.article", "5"),
    "counter:blog.Article:5": (Kind.COUNTER, "blog.Article", "5"),
    "session:abc:page:5": (Kind.SESSION, "", "5", "abc"),
    "session:abc:page:blog.article:5": (Kind.SESSION, "blog.article", "5", "abc"),
}
OURS = [
    "events",
    "meta",
    "shed",
    "ids:2939",
    "session:5f4dcc3b5aa765d61d8327",
    "viewed:blog.article:5",
    "day:20261125:blog.article:5",
    "counter:shop.product:0f8fad5b-d9cb-469f-a165-70867728950e",
    "counter:blog.term:a word",
    "counter:",
    "counter:five",
    "pageview:",
    "{0}:counter:blog.article:5",
    UUID.upper(),
    UUID + "x",
    "counter:" + "9" * 19,
]


@pytest.mark.parametrize("prefix", ["pageview:", ":", ":pageview:", ""])
@pytest.mark.parametrize("name", OLDER)
def test_names(name: str, prefix: str) -> None:
    key = layout.parse(f"djinsight:{prefix}{name}")
    shared = prefix == "" and "counter:blog" in name
    assert key == OlderKey(f"djinsight:{prefix}{name}", *OLDER[name], shared=shared)


@pytest.mark.parametrize("name", [*(f"djinsight:{name}" for name in OURS), "other:counter:5", "counter:5", ""])
def test_other_names(name: str) -> None:
    assert layout.parse(name) is None


# Importing


@pytest.mark.parametrize("version", ["0.1", "0.4"])
def test_records(version: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    for n in (1, 1, 2):
        view(redis_client, int(ref.pk), session=f"{SESSION}{n}", layout=version)

    said = run("process_pageviews")

    assert "Imported from the older layout: 3 records, 0 views from counters alone, 2 sessions." in said
    assert persisted(ref) == live(ref) == (3, 2)
    assert sums() == [3] * 4
    row = PageViewLog.objects.get(visitor=layout.visitor_of(f"{SESSION}2"))
    assert (row.url, row.referrer, row.ip_address) == (f"/articles/{ref.pk}/", "https://example.org/", "198.51.100.0")
    assert (row.user_agent[:13], len(row.view_id), row.is_unique) == ("Mozilla/5.0 (", 36, True)
    assert PageViewSummary.objects.get().unique_views == 2
    left = sorted(key.decode() for key in redis_client.scan_iter(f"{PREFIX}*"))
    assert left == sorted(
        f"{PREFIX}{kind}:{name}"
        for kind in ("counter", "unique_counter")
        for name in ([f"blog.article:{ref.pk}", ref.pk] if version == "0.1" else [f"blog.article:{ref.pk}"])
    )
    assert "Imported" not in run("process_pageviews")
    assert persisted(ref) == live(ref) == (3, 2)


@pytest.mark.parametrize("version", ["0.1", "0.4"])
def test_counters_know_more_than_records(version: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Version 0.x deleted a record when a worker had written it, and records expired."""
    keys = [view(redis_client, int(ref.pk), session=f"{SESSION}{n}", layout=version) for n in range(5)]
    redis_client.delete(*keys[:3])
    count_views(ref, 4)

    assert "2 records, 3 views" in run("process_pageviews")

    assert persisted(ref) == live(ref) == (9, 6)
    assert sums() == [6, 9, 6, 6]
    run("process_pageviews")
    assert persisted(ref) == live(ref) == (9, 6)


def test_an_open_page_has_them_too(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """An object's counters are loaded before its older views are imported, and count on afterwards."""
    count_views(ref, 2)
    assert live(ref) == (2, 1)
    redis_client.set(f"{PREFIX}counter:blog.article:{ref.pk}", 100)
    redis_client.set(f"{PREFIX}unique_counter:blog.article:{ref.pk}", 40)
    run("process_pageviews")
    assert live(ref) == persisted(ref) == (102, 41)
    count_views(ref, 1)
    assert live(ref) == (103, 41)
    persist()
    assert live(ref) == persisted(ref) == (103, 41)


def test_a_counter_that_still_grows(ref: ObjectRef, redis_client: redis.Redis) -> None:
    for total, new in ((10, 10), (13, 3), (13, 0)):
        redis_client.set(f"{PREFIX}counter:{ref.pk}", total)
        before = persisted(ref)[0]
        run("process_pageviews")
        assert persisted(ref)[0] - before == new
    assert redis_client.get(f"{PREFIX}counter:{ref.pk}") == b"13"


def test_under_our_own_prefix(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """A counter with its model has the same name in both layouts, and continues from the older number."""
    for _ in range(3):
        view(redis_client, int(ref.pk), prefix="djinsight:")
    redis_client.incrby(f"djinsight:counter:blog.article:{ref.pk}", 4)
    run("process_pageviews")
    assert persisted(ref) == live(ref) == (7, 1)
    count_views(ref, 1)
    run("process_pageviews")
    assert persisted(ref) == live(ref) == (8, 2)


def test_which_model(redis_client: redis.Redis, settings: Any) -> None:
    """A counter without a model belongs to the only model with such an object, or to the named model."""
    article = Article.objects.create(title="a")
    ref = ObjectRef.of(article)
    Comment.objects.create(article=article, text="not tracked")
    redis_client.set(f"{PREFIX}counter:{ref.pk}", 15)
    redis_client.set(f"{PREFIX}counter:987654", 3)
    assert "1 older keys stay in Redis" in run("process_pageviews")
    assert persisted(ref) == (15, 0)
    run("process_pageviews", "--model", "blog.Article")
    assert persisted(ref) == (15, 0)


@pytest.mark.parametrize("model", ["blog.comment", "nothing", "no.such", "blog.product"])
def test_bad_model(model: str) -> None:
    with pytest.raises(CommandError, match=r"one of blog\.article"):
        run("process_pageviews", "--model", model)


def test_model_where_none_can_be_meant() -> None:
    """No tracked model of the site has integer primary keys."""
    installed = [app for app in settings.INSTALLED_APPS if app not in {"tests.blog", "tests.cms"}]
    with override_settings(INSTALLED_APPS=installed), pytest.raises(CommandError, match="no installed model has"):
        run("process_pageviews", "--model", "catalogue.product")


def test_a_child_is_its_parent(redis_client: redis.Redis) -> None:
    news = News.objects.create(title="n")
    view(redis_client, news.pk, "blog.news")
    run("process_pageviews")
    assert persisted(ObjectRef.of(news)) == (1, 1)
    assert ObjectRef.of(news).model_name == "article"


def test_sessions(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """A visitor who returns with the same session is not unique again, for the object and for the day."""
    view(redis_client, int(ref.pk))
    run("process_pageviews")
    back = new_view(ref, layout.visitor_of(SESSION))
    assert count([back, new_view(ref, "somebody else")]) == [1, 2]
    persist()
    assert persisted(ref) == (3, 2)
    assert PageViewSummary.objects.get().unique_views == 2
    assert 0 < redis_client.ttl(f"djinsight:session:{layout.visitor_of(SESSION)}") <= 7 * 24 * 3600


def test_when(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Views belong to their own day, and the log decides how many visitors a day has."""
    noon = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for hour in (0, 1, 24, 25):
        view(redis_client, int(ref.pk), at=(noon + timedelta(hours=hour)).timestamp())
    run("process_pageviews")
    rows = PageViewSummary.objects.order_by("date").values_list("date", "total_views", "unique_views")
    first = days.at(int(noon.timestamp() * 1000)).day
    assert list(rows) == [(first, 2, 1), (first + timedelta(days=1), 2, 1)]
    assert PageViewStatistics.objects.get().first_viewed_at == noon


BAD: dict[str, Any] = {
    "garbage": b"}{",
    "not UTF-8": b"\xff",
    "a list": b"[]",
    "no object": b'{"content_type": "blog.article", "timestamp": 1}',
    "no model": b'{"object_id": 5, "timestamp": 1}',
    "no such model": b'{"content_type": "gone.thing", "object_id": 5, "timestamp": 1}',
    "not tracked": b'{"content_type": "blog.comment", "object_id": 5, "timestamp": 1}',
    "not a label": b'{"content_type": "a.b.c", "object_id": 5, "timestamp": 1}',
    "no time": b'{"content_type": "blog.article", "object_id": 5}',
    "a time far away": b'{"content_type": "blog.article", "object_id": 5, "timestamp": 1e300}',
    "infinity": b'{"content_type": "blog.article", "object_id": 5, "timestamp": Infinity}',
    "NUL in the url": b'{"content_type": "blog.article", "object_id": 5, "timestamp": 1, "url": "\\u0000"}',
    "10 kB of url": b'{"content_type": "blog.article", "object_id": 5, "timestamp": 1, "url": "%s"}' % (b"x" * 10_000),
    "deep": b"[" * 20_000,
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_bad_record_stays_and_its_neighbours_come_in(value: bytes, ref: ObjectRef, redis_client: redis.Redis) -> None:
    redis_client.set(f"{PREFIX}{UUID}", value)
    view(redis_client, int(ref.pk))
    said = run("process_pageviews")
    assert "1 older records cannot be read" in said
    assert persisted(ref) == (1, 1)
    assert redis_client.get(f"{PREFIX}{UUID}") == value


@pytest.mark.parametrize("kind", ["record", "counter"])
def test_keys_of_another_type(kind: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    redis_client.hset(f"{PREFIX}{UUID}" if kind == "record" else f"{PREFIX}counter:{ref.pk}", "a", "b")
    view(redis_client, int(ref.pk))
    run("process_pageviews")
    assert persisted(ref) == (1, 1)


# Crashes and concurrent runs


def test_a_crash_before_the_records_are_deleted(ref: ObjectRef, redis_client: redis.Redis) -> None:
    keys = [view(redis_client, int(ref.pk), session=f"{SESSION}{n}") for n in range(3)]
    kept = {key: redis_client.dump(key) for key in keys}
    run("process_pageviews")
    for key, dump in kept.items():
        redis_client.restore(key, 0, dump)
        OlderRecord.objects.create(key=key)
    # This is the state after a crash. The log may have been cleaned since.
    PageViewLog.objects.all().delete()
    run("process_pageviews")
    assert persisted(ref) == live(ref) == (3, 3)
    assert not OlderRecord.objects.exists()
    assert not redis_client.exists(*keys)


def test_written_and_not_yet_deleted(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Another run has just written this record, and is about to delete it."""
    key = layout.parse(view(redis_client, int(ref.pk)))
    assert key is not None
    OlderRecord.objects.create(key=key.name)
    assert records.take(0, [key]) == (0, 0)
    assert PageViewLog.objects.count() == 0


def test_two_at_once(ref: ObjectRef, redis_client: redis.Redis) -> None:
    keys = [layout.parse(view(redis_client, int(ref.pk), session=f"{SESSION}{n}")) for n in range(60)]

    def work(_: int) -> int:
        try:
            return records.take(0, [key for key in keys if key])[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 60
    assert sums() == [60] * 4


# Runs are ended before the second batch is written, before its keys are deleted, and before its counters are loaded.
ENDS = {
    "not written": ("djinsight.upgrade.records:_write", 2),
    "not deleted": ("djinsight.upgrade.records:delete_taken", 3),
    "not loaded": ("djinsight.counting.loading:load", 2),
}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_ended_in_the_middle(how: signal.Signals, ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 10)
    for n in range(900):
        view(redis_client, int(ref.pk), session=f"{SESSION}{n % 50}")
    written = 0
    for at, call in ENDS.values():
        process = gates.stopped(at, call, "process_pageviews", "--batch-size", "100")
        try:
            if how is signal.SIGINT:
                assert gates.interrupt(process) == 130, process.output
            else:
                assert process.kill() == -9
        finally:
            process.stop()
        assert written < PageViewLog.objects.count() < 910
        written = PageViewLog.objects.count()
    run("process_pageviews")
    assert persisted(ref) == live(ref) == (910, 51)
    assert sums() == [910] * 4
