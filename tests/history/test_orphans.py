"""Orphans: numbers of objects that are gone, and deletions while Redis hangs or a database is down."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from demo.redis_server import RedisServer, start_private
from djinsight.counting import connections, counted, live_numbers
from djinsight.history import forgetting, orphans
from djinsight.history.persist import persist
from djinsight.models import PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tasks import cleanup
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Product, Term
from tests.support.commands import run
from tests.support.counted_views import count_views

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (PageViewStatistics, PageViewSummary, PageViewHour)


def seen(obj: Any, views: int = 3) -> ObjectRef:
    ref = ObjectRef.of(obj)
    count_views(ref, views)
    persist()
    live_numbers.read([ref])
    return ref


def delete_in_sql(obj: Any) -> None:
    """Delete an object in SQL, which sends no signal."""
    with connection.cursor() as cursor:
        table, column = obj._meta.db_table, obj._meta.pk.column
        cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [obj._meta.pk.get_db_prep_value(obj.pk, connection)])


def left(client: redis.Redis) -> tuple[list[int], int]:
    return [table.objects.count() for table in TABLES], len(list(client.scan_iter("djinsight:*counter:*")))


@pytest.mark.parametrize("shards", [1, 4])
def test_deleted_in_sql(shards: int, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = shards
    kept = [Article.objects.create(title="x"), Product.objects.create(name="x"), Term.objects.create(word="a:b é 🙂")]
    gone = [Article.objects.create(title="y"), Product.objects.create(name="y"), Term.objects.create(word="*[?]")]
    for obj in (*kept, *gone):
        seen(obj)
    for obj in gone:
        delete_in_sql(obj)
    assert orphans.forget() == 3
    assert left(redis_client) == ([3, 3, 3], 6)
    assert [obj.total_views for obj in kept] == [3, 3, 3]
    assert orphans.forget() == 0


def test_the_nightly_task(redis_client: redis.Redis) -> None:
    article = Article.objects.create(title="x")
    seen(article)
    delete_in_sql(article)
    cleanup()
    assert left(redis_client) == ([0, 0, 0], 0)
    assert PageViewLog.objects.count() == 3  # deleted when they are older than the retention


def test_the_command(redis_client: redis.Redis) -> None:
    """Without Celery, cron runs the command in place of the task. A dry run deletes nothing."""
    article = Article.objects.create(title="x")
    seen(article)
    delete_in_sql(article)
    run("cleanup_pageviews", "--dry-run")
    assert left(redis_client) == ([1, 1, 1], 2)
    said = run("cleanup_pageviews", "--yes")
    assert said.splitlines()[-1] == "Deleted the statistics of 1 objects that are gone."
    assert left(redis_client) == ([0, 0, 0], 0)


def test_counters_without_rows(redis_client: redis.Redis) -> None:
    """Such counters stay in Redis if it did not answer at the deletion."""
    article = Article.objects.create(title="x")
    ref = seen(article)
    article.delete()
    live_numbers.read([ref])  # a page that is still open
    assert left(redis_client)[1] == 2
    assert orphans.forget() == 1
    assert left(redis_client) == ([0, 0, 0], 0)


def test_many_in_batches(redis_client: redis.Redis, settings: Any) -> None:
    articles = Article.objects.bulk_create([Article(title=str(n)) for n in range(50)])
    for article in articles:
        count_views(ObjectRef.of(article), 1)
    persist()
    redis_client.flushall()
    settings.DJINSIGHT_BATCH_SIZE = 20
    with CaptureQueriesContext(connection) as queries:
        assert orphans.forget() == 0
    assert len(queries) <= 3 * 2 + 2


def test_without_redis(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    article = Article.objects.create(title="x")
    seen(article)
    delete_in_sql(article)
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert orphans.forget() == 1
    assert PageViewStatistics.objects.count() == 0
    assert "counters of deleted objects may stay on shard" in caplog.text


def test_keys_of_others(redis_client: redis.Redis) -> None:
    redis_client.mset({"djinsight:counter:": 1, "djinsight:counter:x": 1, b"djinsight:counter:\xff": 1})
    assert list(counted.refs(0)) == []
    assert orphans.forget() == 0


def test_a_prefix_with_wildcards(redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_KEY_PREFIX = "a[b]*?\\:"
    ref = seen(Article.objects.create(title="x"))
    assert list(counted.refs(0)) == [[ref]]


# A Redis that hangs


@pytest.fixture
def hanging(tmp_path: Path, settings: Any) -> Iterator[RedisServer]:
    server = start_private(data=tmp_path)
    assert server.process is not None
    settings.DJINSIGHT_REDIS_URL = server.url
    yield server
    server.process.send_signal(signal.SIGCONT)
    if forgetting._last is not None:
        forgetting._last.result(30)
    server.stop()
    connections.close_sync()


def test_it_is_waited_for_once(hanging: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a hundred deletions waits. When Redis answers again, all counters are deleted."""
    settings.DJINSIGHT_REDIS_TIMEOUT = settings.DJINSIGHT_PAGE_TIMEOUT = 60
    articles = [Article.objects.create(title=str(n)) for n in range(100)]
    for article in articles:
        count_views(ObjectRef.of(article), 1)
    persist()
    live_numbers.read(map(ObjectRef.of, articles))
    waits: list[float] = []
    wait = forgetting.wait

    def waited(futures: Any, timeout: float) -> Any:
        waits.append(timeout)
        return wait(futures, timeout)

    monkeypatch.setattr(forgetting, "wait", waited)
    assert hanging.process is not None
    hanging.process.send_signal(signal.SIGSTOP)
    hooks: list[str] = []
    for article in articles:
        with transaction.atomic():
            article.delete()
            transaction.on_commit(lambda: hooks.append("after"))
    assert len(hooks) == 100
    assert waits == [forgetting.WITHIN]
    hanging.process.send_signal(signal.SIGCONT)
    assert forgetting._last is not None
    forgetting._last.result(60)
    with redis.Redis.from_url(hanging.url) as client:
        assert left(client) == ([0, 0, 0], 0)


def test_ten_thousand_at_once(redis_client: redis.Redis) -> None:
    Article.objects.bulk_create([Article(title=str(n)) for n in range(10_000)])
    refs = [ObjectRef.of(article) for article in Article.objects.all()[:100]]
    for ref in refs:
        count_views(ref, 1)
    persist()
    queries: list[str] = []

    def asked(execute: Any, sql: str, *arguments: Any) -> Any:
        queries.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(asked):
        assert Article.objects.all().delete()[0] == 10_000
    assert forgetting._last is not None
    forgetting._last.result(60)
    assert left(redis_client) == ([0, 0, 0], 0)
    mine = [
        sql for sql in queries if "djinsight_" in sql or sql.startswith(("SELECT 1", 'SELECT "blog_article"."id" AS'))
    ]
    assert len(mine) < 80, len(queries)
