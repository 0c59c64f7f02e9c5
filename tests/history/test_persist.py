"""Persist: every counted view is in the database exactly once, also after faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from djinsight import days
from djinsight.history.persist import Drained, drain, persist
from djinsight.models import DeadLetter, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Product, Term
from tests.support.counted_views import count, count_views, view
from tests.support.poison import POISON
from tests.support.sockets import view_id
from tests.support.tallies import live, losses, persisted, saved, sums
from tests.support.zones import database_in

EVENTS = "djinsight:events"
META = "djinsight:meta"


@pytest.fixture
def refs(transactional_db: None) -> list[ObjectRef]:
    """Return an article, a product and a term, whose primary keys are a number, a UUID and a string."""
    objects = (Article.objects.create(title="a"), Product.objects.create(name="b"), Term.objects.create(word="c:d é"))
    return [ObjectRef.of(each) for each in objects]


def test_nothing_counted(transactional_db: None) -> None:
    assert persist() == Drained()
    assert sums() == [0, 0, 0, 0]


def test_views_of_any_object(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    for n, ref in enumerate(refs, 1):
        count_views(ref, 10 * n, visitors=n)
    assert persist() == Drained(entries=60, views=60)
    assert [persisted(ref) for ref in refs] == [(10, 1), (20, 2), (30, 3)]
    assert sums() == [60] * 4
    assert PageViewLog.objects.filter(is_unique=True).count() == 6
    assert redis_client.xlen(EVENTS) == 0


def test_again_and_again(refs: list[ObjectRef]) -> None:
    for n in range(1, 6):
        count_views(refs[0], n)
        persist()
        persist()
    assert persisted(refs[0]) == (15, 1)
    assert sums() == [15] * 4


def test_in_parts(refs: list[ObjectRef]) -> None:
    count_views(refs[0], 25)
    assert [drain(0, limit=10).entries for _ in range(4)] == [10, 10, 5, 0]
    assert sums() == [25] * 4


def test_small_inserts(refs: list[ObjectRef], settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 3
    for ref in refs:
        count_views(ref, 7)
    persist()
    assert sums() == [21] * 4


def test_times(refs: list[ObjectRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are in the site's zone (Prague), hours in UTC; first and last times are those of views, not of the run."""
    evening, night = datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, 1, tzinfo=UTC)
    for when in (night, evening, night):
        monkeypatch.setattr(days, "now", lambda when=when: days.at(int(when.timestamp() * 1000)))
        count_views(refs[0], 1)
    persist()
    by_day = PageViewSummary.objects.order_by("date").values_list("date", "total_views", "unique_views")
    assert list(by_day) == [(date(2026, 3, 28), 1, 0), (date(2026, 3, 29), 2, 1)]
    by_hour = PageViewHour.objects.order_by("hour").values_list("hour", "total_views")
    assert list(by_hour) == [(evening.replace(minute=0), 1), (night.replace(minute=0), 2)]
    row = PageViewStatistics.objects.get()
    assert (row.first_viewed_at, row.last_viewed_at) == (evening, night)


def test_an_hour_that_the_zone_of_the_database_has_twice(
    refs: list[ObjectRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time in that hour is unequal to every time in another zone (PEP 495), but its sums are found again."""
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    monkeypatch.setattr(days, "now", lambda: days.at(int(twice.timestamp() * 1000)))
    with database_in("Europe/Berlin"):
        for n in (1, 2, 3):
            count_views(refs[0], n)
            persist()
    assert list(PageViewHour.objects.values_list("total_views", flat=True)) == [6]


def test_a_visitor_is_new_once_a_day(refs: list[ObjectRef], monkeypatch: pytest.MonkeyPatch) -> None:
    for day in (1, 1, 2, 3):
        noon = int(datetime(2026, 3, day, 12, tzinfo=UTC).timestamp() * 1000)
        monkeypatch.setattr(days, "now", lambda noon=noon: days.at(noon))
        count_views(refs[0], 1)
    persist()
    assert list(PageViewSummary.objects.order_by("date").values_list("total_views", "unique_views")) == [
        (2, 1),
        (1, 1),
        (1, 1),
    ]
    assert persisted(refs[0]) == (4, 1)


def test_a_crash_before_the_stream_is_trimmed(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 5)
    stream = redis_client.dump(EVENTS)
    persist()
    redis_client.restore(EVENTS, 0, stream, replace=True)
    count_views(refs[0], 2)

    assert persist().views == 2

    assert sums() == [7] * 4
    assert redis_client.xlen(EVENTS) == 0
    assert losses() == []


def test_a_crash_before_the_commit(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 5)
    table = connection.ops.quote_name(PageViewHour._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO taken_away")
    try:
        with pytest.raises(Exception, match="djinsight_pageviewhour"):
            persist()
        assert PageViewLog.objects.count() == PageViewStatistics.objects.count() == 0
        assert redis_client.xlen(EVENTS) == 5
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE taken_away RENAME TO {table}")
    persist()
    assert sums() == [5] * 4


@pytest.mark.parametrize("wait", [True, False], ids=["commands", "tasks"])
def test_many_workers_at_once(wait: bool, refs: list[ObjectRef]) -> None:
    for ref in refs:
        count_views(ref, 40)

    def work(_: int) -> int:
        try:
            return persist(wait=wait).views
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(8)))

    assert sum(done) == 120
    assert sums() == [120] * 4
    assert losses() == []


# Faults of Redis


def test_redis_loses_everything(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 5, visitors=5)
    persist()
    count_views(refs[0], 3)
    redis_client.flushall()

    assert live(refs[0]) == (5, 5)
    count_views(refs[0], 2, visitors=2)
    assert live(refs[0]) == (7, 7)
    persist()

    assert persisted(refs[0]) == (7, 7)
    assert sums() == [7] * 4
    assert losses() == [("epoch", None)]
    persist()
    assert losses() == [("epoch", None)]


def test_redis_comes_back_as_it_was_before(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 5)
    restore = saved(redis_client)
    count_views(refs[0], 4)
    persist()
    assert persisted(refs[0]) == (9, 1)

    restore()  # five views in the stream are persisted, and four are lost
    count_views(refs[0], 2)
    persist()

    assert persisted(refs[0]) == (11, 1)
    assert live(refs[0]) == (11, 1)
    assert sums() == [11] * 4
    assert losses() == [("rollback", None)]
    count_views(refs[0], 1)
    persist()
    assert live(refs[0]) == persisted(refs[0]) == (12, 1)
    assert sums() == [12] * 4
    assert losses() == [("rollback", None)]


def test_redis_comes_back_and_catches_up(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    """There are as many views after the restore as were lost, so the numbers continue, but the ids do not."""
    count_views(refs[0], 2)
    persist()
    restore = saved(redis_client)
    count_views(refs[0], 3)
    persist()
    restore()
    count_views(refs[0], 3)
    persist()
    assert persisted(refs[0]) == (8, 1)
    assert live(refs[0]) == (8, 1)
    assert sums() == [8] * 4
    assert [kind for kind, _ in losses()] == ["rollback"]


def test_a_third_party_takes_entries(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    count_views(refs[0], 10)
    entries = [entry_id for entry_id, _ in redis_client.xrange(EVENTS)]
    redis_client.xdel(EVENTS, *entries[:2], *entries[5:8])
    persist()
    assert losses() == [("gap", 2), ("gap", 3)]
    assert sums() == [5] * 4
    count_views(refs[0], 1)
    persist()
    assert losses() == [("gap", 2), ("gap", 3)]


def test_a_full_stream_sheds_the_detail_and_keeps_the_numbers(refs: list[ObjectRef], settings: Any) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 6
    count_views(refs[0], 5, visitors=5)
    count_views(refs[1], 5, visitors=5)
    count_views(refs[0], 3, visitors=8)
    assert (live(refs[0]), live(refs[1])) == ((8, 5), (5, 5))

    persist()
    persist()

    assert (persisted(refs[0]), persisted(refs[1])) == ((8, 5), (5, 5))
    assert sums() == [6, 13, 13, 13]
    assert sum(views or 0 for kind, views in losses() if kind == "shed") == 7
    assert {kind for kind, _ in losses()} == {"shed"}
    count_views(refs[0], 1)
    persist()
    assert persisted(refs[0]) == (9, 5)
    assert (live(refs[0]), live(refs[1])) == ((9, 5), (5, 5))


@pytest.mark.parametrize("bad", POISON.values(), ids=POISON)
def test_poison_is_set_aside_and_its_neighbours_persist(
    bad: dict[str, Any], refs: list[ObjectRef], redis_client: redis.Redis
) -> None:
    count_views(refs[0], 1)
    redis_client.xadd(EVENTS, bad)
    redis_client.hincrby(META, "seq", int("s" in bad))
    count_views(refs[0], 1)

    assert persist() == Drained(entries=3, views=2, dead_letters=1)

    letter = DeadLetter.objects.get()
    assert letter.error
    assert bytes(letter.payload)
    assert persisted(refs[0]) == (2, 1)
    assert sums() == [2] * 4
    assert losses() == []
    assert live(refs[0]) == (2, 1)


NARROW = {
    "sqlite": (
        "CREATE TRIGGER narrow BEFORE INSERT ON djinsight_pageviewlog WHEN NEW.url GLOB '*[^ -~]*' "
        "BEGIN SELECT RAISE(ABORT, 'not in the character set'); END",
        "DROP TRIGGER narrow",
    ),
    "postgresql": (
        "ALTER TABLE djinsight_pageviewlog ADD CONSTRAINT narrow CHECK (convert_to(url, 'LATIN1') IS NOT NULL)",
        "ALTER TABLE djinsight_pageviewlog DROP CONSTRAINT narrow",
    ),
    "mysql": (
        "ALTER TABLE djinsight_pageviewlog MODIFY url varchar(2048) CHARACTER SET latin1 NOT NULL",
        "ALTER TABLE djinsight_pageviewlog MODIFY url varchar(2048) CHARACTER SET utf8mb4 NOT NULL",
    ),
}


@pytest.fixture
def narrow(transactional_db: None) -> Iterator[None]:
    """Make a log whose URLs cannot have all characters, as in a database with an older character set."""
    make, undo = NARROW[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(make)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(undo)


def test_characters_that_the_database_does_not_have(narrow: None, refs: list[ObjectRef]) -> None:
    """Such characters are encoded: a URL that a client makes up must not stop the views of others."""
    urls = ["/plain?a=%20", "/\U0001f642?q=\u8a9e", "/" + "\U0001f642" * 2047]
    count(view(refs[0], url=url) for url in urls)
    assert persist().views == 3
    assert sums() == [3] * 4
    stored = list(PageViewLog.objects.order_by("pk").values_list("url", flat=True))
    assert stored[:2] == ["/plain?a=%20", "/%F0%9F%99%82?q=%E8%AA%9E"]
    assert (len(stored[2]), stored[2][:13]) == (2048, "/%F0%9F%99%82")
    assert DeadLetter.objects.count() == 0


def test_a_dead_letter_holds_every_byte(refs: list[ObjectRef], redis_client: redis.Redis) -> None:
    garbage = {b"\n=": bytes(range(256)), b"d": b"\xff\n"}
    count_views(refs[0], 1)
    redis_client.xadd(EVENTS, garbage)  # type: ignore[arg-type]
    persist()
    kept = json.loads(bytes(DeadLetter.objects.get().payload))
    assert {name.encode("latin-1"): value.encode("latin-1") for name, value in kept.items()} == garbage


@pytest.mark.parametrize("pk", ["9" * 30, "-1" + "0" * 30, "five", "(1, 2)"])
def test_a_key_that_no_object_can_have(pk: str, refs: list[ObjectRef]) -> None:
    """The log has its views, as for a deleted object. SQLite does not even accept such a number in a query."""
    count_views(ObjectRef("blog", "article", pk), 1)
    count_views(refs[0], 2)
    assert persist().views == 3
    assert persisted(refs[0]) == (2, 1)
    assert sums() == [3, 2, 2, 2]


def test_a_content_type_that_another_process_has_deleted(refs: list[ObjectRef]) -> None:
    """Each process caches content types for good, so a cached one would make rows refer to one that is gone."""
    count_views(refs[2], 1)
    count_views(refs[0], 1)
    kept = ContentType.objects.get_for_model(Term)
    ContentType.objects.filter(pk=kept.pk).delete()
    assert ContentType.objects.get_for_model(Term) == kept  # this process still has it in its cache
    assert persist() == Drained(entries=2, views=2)
    ContentType.objects.clear_cache()


def test_a_content_type_that_another_process_has_made_anew(refs: list[ObjectRef]) -> None:
    count_views(refs[2], 1)
    kept = ContentType.objects.get_for_model(Term)
    ContentType.objects.filter(pk=kept.pk).delete()
    ContentType.objects.bulk_create([ContentType(id=kept.pk + 1000, app_label="blog", model="term")])
    assert persist() == Drained(entries=1, views=1)
    assert persisted(refs[2]) == (1, 1)
    ContentType.objects.clear_cache()


def test_a_model_that_has_no_content_type_yet(refs: list[ObjectRef]) -> None:
    """This is so between an app's migration and the end of ``migrate``, or if it is made in another database."""
    count_views(refs[2], 1)
    count_views(refs[0], 1)
    ContentType.objects.filter(model="term").delete()
    ContentType.objects.clear_cache()
    assert persist() == Drained(entries=2, views=2)
    assert persisted(refs[2]) == (1, 1)
    ContentType.objects.clear_cache()


def test_a_model_that_is_not_installed(refs: list[ObjectRef]) -> None:
    count_views(ObjectRef("blog", "nothing", "1"), 1)
    count_views(refs[0], 1)
    assert persist() == Drained(entries=2, views=1, dead_letters=1)
    assert not ContentType.objects.filter(model="nothing").exists()
    ContentType.objects.clear_cache()


# Shards


def test_shards(settings: Any, transactional_db: None, redis_client: redis.Redis) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 4
    articles = [Article.objects.create(title=str(n)) for n in range(20)]
    count(view(ObjectRef.of(article)) for article in articles for _ in range(2))
    assert {key.split(b"}")[0] for key in redis_client.scan_iter()} == {b"djinsight:{%d" % n for n in range(4)}
    assert persist().views == 40
    assert sums() == [40] * 4
    assert all(live(ObjectRef.of(article)) == (2, 1) for article in articles)


def test_the_same_view_twice_is_one_row(refs: list[ObjectRef]) -> None:
    assert count([view(refs[0], id=view_id(7)), view(refs[0], id=view_id(7))]) == [2, 0]
    persist()
    assert sums() == [1] * 4
