"""Deletion: the numbers of a tracked object are deleted after the commit, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db import connections as databases
from django.db.models.signals import post_delete
from django.test.utils import isolate_apps

from djinsight import days
from djinsight.counting import breakers, live_numbers, loading
from djinsight.counting.keys import shard_of
from djinsight.exceptions import CountingUnavailable
from djinsight.history import deletion
from djinsight.history.cursors import lock
from djinsight.history.persist import persist
from djinsight.models import (
    PageViewHour,
    PageViewLog,
    PageViewStatistics,
    PageViewStatisticsMixin,
    PageViewSummary,
)
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support.counted_views import count_views

pytestmark = pytest.mark.django_db(transaction=True)

SUMS = (PageViewStatistics, PageViewSummary, PageViewHour)


def viewed(obj: Any, number: int = 3) -> ObjectRef:
    ref = ObjectRef.of(obj)
    count_views(ref, number)
    persist()
    live_numbers.read([ref])
    return ref


def rows(ref: ObjectRef) -> list[int]:
    """Return the number of rows of ``ref`` in each table of sums."""
    content_type = ContentType.objects.get_by_natural_key(ref.app_label, ref.model_name)
    return [table.objects.filter(content_type=content_type, object_id=ref.pk).count() for table in SUMS]


def keys(client: redis.Redis, ref: ObjectRef) -> list[bytes]:
    return sorted(client.scan_iter(f"djinsight:*{ref}"))


def make_news() -> News:
    return News.objects.create(title="x", source="radio")


DELETIONS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "an object": (lambda: Article.objects.create(title="x"), lambda obj: obj.delete()),
    "a queryset": (
        lambda: Article.objects.create(title="x"),
        lambda obj: Article.objects.filter(pk=obj.pk).delete(),
    ),
    "a queryset over its own column": (
        lambda: Article.objects.create(title="x"),
        lambda obj: Article.objects.filter(total_views=3).delete(),
    ),
    "a UUID": (lambda: Product.objects.create(name="x"), lambda obj: obj.delete()),
    "a text": (lambda: Term.objects.create(word="a:b'c\"d %s é 🙂"), lambda obj: obj.delete()),
    "a child": (make_news, lambda obj: obj.delete()),
    "a queryset of children": (make_news, lambda obj: News.objects.all().delete()),
    "a child by its parent": (make_news, lambda obj: Article.objects.get(pk=obj.pk).delete()),
    "a queryset of parents": (make_news, lambda obj: Article.objects.filter(pk=obj.pk).delete()),
}


@pytest.mark.parametrize(("make", "delete"), DELETIONS.values(), ids=DELETIONS)
def test_deletion(make: Callable[[], Any], delete: Callable[[Any], Any], redis_client: redis.Redis) -> None:
    kept = viewed(Article.objects.create(title="kept"), 5)
    obj = make()
    ref = viewed(obj)
    assert rows(ref) == [1, 1, 1]
    assert len(keys(redis_client, ref)) == 4
    delete(obj)
    assert rows(ref) == [0, 0, 0]
    assert keys(redis_client, ref) == []
    assert PageViewLog.objects.filter(object_id=ref.pk, content_type__model=ref.model_name).count() == 3
    assert rows(kept) == [1, 1, 1]
    assert live_numbers.read([kept])[kept].total_views == 5


def test_a_child_that_leaves_its_parent(redis_client: redis.Redis) -> None:
    news = make_news()
    ref = viewed(news)
    news.delete(keep_parents=True)
    assert rows(ref) == [1, 1, 1]
    assert Article.objects.get(pk=ref.pk).total_views == 3


def test_what_hangs_on_it_takes_nothing_along() -> None:
    article = Article.objects.create(title="x")
    ref = viewed(article)
    comment = Comment.objects.create(pk=article.pk, article=article, text="x")
    comment.delete()
    assert rows(ref) == [1, 1, 1]


@isolate_apps("tests.blog")
def test_cascades_proxies_and_models_that_a_proxy_tracks(monkeypatch: Any, request: Any) -> None:
    """The listeners are on the model that gives an object its ref, and on its proxies."""

    class Headline(Article):
        class Meta:
            app_label = "blog"
            proxy = True

    class Tracked(PageViewStatisticsMixin, Comment):
        class Meta:
            app_label = "blog"
            proxy = True

    class Plain(Comment):
        class Meta:
            app_label = "blog"
            proxy = True

    all_of_them = [Article, News, Comment, Headline, Tracked, Plain, ContentType]
    monkeypatch.setattr(deletion.apps, "get_models", lambda: all_of_them)
    deletion.connect()

    @request.addfinalizer
    def disconnect() -> None:
        for model in (Headline, Tracked, Plain, Comment):
            post_delete.disconnect(sender=model, dispatch_uid=f"djinsight.deletion.{model._meta.label}")

    listened = {model for model in all_of_them if post_delete.has_listeners(model)}
    assert listened == {Article, Headline, Comment, Tracked, Plain}

    article = Article.objects.create(title="x")
    ref = viewed(article)
    Headline.objects.get(pk=article.pk).delete()
    assert rows(ref) == [0, 0, 0]

    # A comment is deleted with its article, and has numbers through a proxy.
    article = Article.objects.create(title="x")
    ref = viewed(Tracked.objects.create(article=article, text="x"))
    assert str(ref).startswith("blog.comment:")
    assert rows(ref) == [1, 1, 1]
    article.delete()
    assert rows(ref) == [0, 0, 0]


def test_other_models_are_deleted_as_fast_as_before() -> None:
    assert not post_delete.has_listeners(Comment)
    assert not post_delete.has_listeners(News)


@pytest.mark.parametrize("word", ["a\nb", "\x7f", ""])
def test_a_key_that_makes_no_ref(word: str, redis_client: redis.Redis) -> None:
    """The object was never counted: its numbers are zeros, and there is nothing to delete."""
    term = Term.objects.create(word=word)
    assert (term.total_views, term.unique_views, term.first_viewed_at) == (0, 0, None)
    assert (term.get_views_today(), term.get_views_this_week(), term.get_views_this_month()) == (0, 0, 0)
    term.delete()
    assert not Term.objects.exists()


# Transactions


def test_a_deletion_that_is_rolled_back(redis_client: redis.Redis) -> None:
    article = Article.objects.create(title="x")
    ref = viewed(article)
    with transaction.atomic():
        article.delete()
        transaction.set_rollback(True)
    assert rows(ref) == [1, 1, 1]
    assert len(keys(redis_client, ref)) == 4


def test_a_savepoint_that_is_rolled_back(redis_client: redis.Redis) -> None:
    kept, gone = Article.objects.create(title="kept"), Article.objects.create(title="gone")
    refs = viewed(kept), viewed(gone)
    with transaction.atomic():
        with transaction.atomic():
            Article.objects.all().delete()
            transaction.set_rollback(True)
        Article.objects.filter(title="gone").delete()
        assert [rows(ref) for ref in refs] == [[1, 1, 1]] * 2  # before the commit
    assert [rows(ref) for ref in refs] == [[1, 1, 1], [0, 0, 0]]
    assert [len(keys(redis_client, ref)) for ref in refs] == [4, 0]


def test_persist_does_not_wait_for_a_deletion() -> None:
    """The deletion's transaction is long, and takes the objects in another order than persist."""
    articles = [Article.objects.create(title=str(n)) for n in range(2)]
    refs = [viewed(article) for article in articles]
    for ref in refs:
        count_views(ref, 2)

    def persist_here() -> int:
        try:
            return persist().views
        finally:
            databases.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            articles[1].delete()
            persisting = pool.submit(persist_here)
            if connection.vendor == "postgresql":  # SQLite has one writer at a time
                assert persisting.result(timeout=20) == 4
            articles[0].delete()
        assert persisting.result(timeout=60) == 4
    assert [rows(ref) for ref in refs] == [[0, 0, 0]] * 2


def test_a_deletion_does_not_wait_for_persist(redis_client: redis.Redis) -> None:
    """A worker has the cursors for seconds, so its next run deletes the numbers of the object."""
    article = Article.objects.create(title="x")
    ref, stays = viewed(article), viewed(Article.objects.create(title="y"))
    locked, finished = Event(), Event()

    def work() -> None:
        try:
            with transaction.atomic():
                lock(0)
                locked.set()
                assert finished.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:

        def begin() -> None:
            worker.append(pool.submit(work))
            assert locked.wait(30)

        worker: list[Any] = []
        try:
            with transaction.atomic():
                transaction.on_commit(begin)  # before our callback, as SQLite has one writer at a time
                article.delete()
            assert rows(ref) == [1, 1, 1]  # and the worker still runs
        finally:
            finished.set()
        worker[0].result()
    redis_client.delete("djinsight:meta")  # the notes are read even if there is nothing to persist
    persist()
    assert rows(ref) == [0, 0, 0]
    assert not keys(redis_client, ref)
    assert rows(stays) == [1, 1, 1]
    assert not redis_client.exists("djinsight:deleted")


def test_notes_of_deletions_that_somebody_wrote_over(redis_client: redis.Redis) -> None:
    article = Article.objects.create(title="x")
    ref = viewed(article)
    redis_client.set("djinsight:deleted", "planted")
    persist()
    redis_client.sadd("djinsight:deleted", "no ref", str(ref))
    persist()
    assert rows(ref) == [1, 1, 1]  # the object exists
    assert not redis_client.exists("djinsight:deleted")


def test_an_object_that_is_there_again() -> None:
    """An object that is deleted and made again with its key in one transaction keeps its numbers."""
    term = Term.objects.create(word="again")
    ref = viewed(term, 7)
    with transaction.atomic():
        term.delete()
        Term.objects.create(word="again")
    assert rows(ref) == [1, 1, 1]
    assert Term.objects.get(word="again").total_views == 7


def test_the_database_fails_after_the_commit(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The deletion is done, so nothing is raised; the next persist with views of the object deletes the rows."""
    article = Article.objects.create(title="x")
    ref = viewed(article)
    with monkeypatch.context() as patch:
        patch.setattr(PageViewHour._meta, "db_table", "no_such_table")
        article.delete()
    assert rows(ref) == [1, 1, 1]
    assert "the statistics of 1 deleted objects stay" in caplog.text
    count_views(ref, 1)
    persist()
    assert rows(ref) == [0, 0, 0]


def test_never_viewed(redis_client: redis.Redis) -> None:
    ContentType.objects.all().delete()
    ContentType.objects.clear_cache()
    Article.objects.create(title="x").delete()
    assert ContentType.objects.count() == 0


def test_with_redis_down(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The rows are deleted. Redis is tried once, however many objects are deleted."""
    ref = viewed(Article.objects.create(title="x"))
    Article.objects.bulk_create(Article(title=str(n)) for n in range(20))
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert Article.objects.all().delete()[0] == 21
    assert rows(ref) == [0, 0, 0]
    messages = [record.getMessage() for record in caplog.records if record.name == "djinsight.history"]
    assert len(messages) == 1


def test_when_redis_did_not_answer_a_moment_ago(redis_client: redis.Redis) -> None:
    """Redis answers again, so the counters are deleted: otherwise a later object with that key would get them."""
    article = Article.objects.create(title="x")
    ref = viewed(article)
    assert keys(redis_client, ref)
    breakers.of(0).rest()
    article.delete()
    assert not keys(redis_client, ref)


def test_a_server_that_is_down_is_asked_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs is tried once, not once for each of its shards. Counters on other servers are deleted."""
    settings.DJINSIGHT_REDIS_SHARDS = 4
    url = settings.DJINSIGHT_REDIS_URL
    settings.DJINSIGHT_REDIS_URL = ["redis://127.0.0.1:1/0", url]
    refs = [ObjectRef("blog", "article", str(n)) for n in range(50)]
    up = [ref for ref in refs if shard_of(ref) % 2]
    for ref in up:
        count_views(ref, 1)
    live_numbers.read(up)
    failed: list[breakers.Breaker] = []
    monkeypatch.setattr(breakers.Breaker, "rest", lambda self: failed.append(self))
    with pytest.raises(CountingUnavailable):
        loading.forget(refs)
    assert len(failed) == 1
    with redis.Redis.from_url(url) as client:
        assert not list(client.scan_iter("djinsight:*counter:*"))


def test_the_counters_of_every_day_that_redis_keeps(redis_client: redis.Redis, monkeypatch: Any) -> None:
    article = Article.objects.create(title="x")
    now = days.time.time()
    for ago in (6, 1, 0):
        monkeypatch.setattr(days, "now", lambda ago=ago: days.at(int((now - ago * 86_400) * 1000)))
        ref = viewed(article)
    assert len([key for key in keys(redis_client, ref) if key.startswith(b"djinsight:day:")]) == 3
    article.delete()
    assert keys(redis_client, ref) == []


@pytest.mark.parametrize("shards", [1, 4])
def test_shards(shards: int, redis_client: redis.Redis, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = shards
    made = [Article.objects.create(title=str(n)) for n in range(8)]
    refs = [viewed(each) for each in made]
    Article.objects.filter(pk__in=[each.pk for each in made[:7]]).delete()
    assert [bool(keys(redis_client, ref)) for ref in refs] == [False] * 7 + [True]


# Views that are not persisted yet


def test_views_in_the_stream(redis_client: redis.Redis) -> None:
    """The log gets the views. They add to no total, as the object is gone."""
    article, other = Article.objects.create(title="x"), Article.objects.create(title="y")
    ref, kept = viewed(article), viewed(other)
    count_views(ref, 2)
    count_views(kept, 2)
    article.delete()
    assert persist().views == 4
    assert rows(ref) == [0, 0, 0]
    assert rows(kept) == [1, 1, 1]
    assert PageViewLog.objects.filter(object_id=ref.pk).count() == 5
    assert PageViewStatistics.objects.get().total_views == 5


def test_views_of_a_page_that_is_still_open(redis_client: redis.Redis) -> None:
    """The page's token still counts. The next persist deletes the counters that this makes in Redis."""
    article = Article.objects.create(title="x")
    ref = viewed(article)
    article.delete()
    count_views(ref, 2)
    assert live_numbers.read([ref])[ref].total_views == 2
    assert persist().views == 2
    assert rows(ref) == [0, 0, 0]
    assert keys(redis_client, ref) == []
    assert live_numbers.read([ref])[ref].total_views == 0


def test_a_key_that_is_taken_again() -> None:
    first = Term.objects.create(word="again")
    viewed(first, 7)
    first.delete()
    second = Term.objects.create(word="again")
    assert second.total_views == 0
    viewed(second, 2)
    assert second.total_views == Term.objects.get(total_views=2).total_views == 2


# Which objects are gone


def test_missing() -> None:
    article, product, term = Article.objects.create(title="x"), Product.objects.create(name="x"), Term(word="x")
    term.save()
    there = [ObjectRef.of(obj) for obj in (article, make_news(), product, term)]
    gone = [
        ObjectRef("blog", "article", "999"),
        ObjectRef("blog", "article", "not a number"),
        ObjectRef("blog", "product", "00000000-0000-0000-0000-000000000000"),
    ]
    if connection.vendor != "mysql":  # in MySQL it is the term x, unless the column has another collation
        gone.append(ObjectRef("blog", "term", "X"))
    unknown = [ObjectRef("gone", "thing", "5")]
    ContentType.objects.get_for_models(Article, Product, Term)
    assert sorted(objects.missing([*there, *gone, *unknown])) == sorted(gone)


@pytest.fixture
def words_of_any_case(transactional_db: None) -> Iterator[None]:
    """Make the key of terms case-insensitive, as it is by default in MySQL."""
    if connection.vendor == "mysql":
        yield
        return
    alter = 'ALTER TABLE blog_term ALTER COLUMN word TYPE varchar(50) COLLATE "{}"'
    plain: models.Field[Any, Any] = Term._meta.get_field("word")  # type: ignore[assignment]
    anycase: models.Field[Any, Any] = models.CharField(primary_key=True, max_length=50, db_collation="NOCASE")
    anycase.set_attributes_from_name("word")
    anycase.model = Term
    with connection.schema_editor() as editor:
        if connection.vendor == "postgresql":
            # The index for LIKE cannot have such a collation, and no test needs this index.
            editor.execute("""DO $$ DECLARE name text; BEGIN
                FOR name IN SELECT indexname FROM pg_indexes
                    WHERE tablename = 'blog_term' AND right(indexname, 5) = '_like'
                LOOP EXECUTE 'DROP INDEX ' || quote_ident(name); END LOOP; END $$""")
            editor.execute(
                """CREATE COLLATION "NOCASE" (provider=icu, locale='und-u-ks-level2', deterministic=false)"""
            )
            editor.execute(alter.format("NOCASE"))
        else:
            editor.alter_field(Term, plain, anycase)
    yield
    Term.objects.all().delete()
    with connection.schema_editor() as editor:
        if connection.vendor == "postgresql":
            editor.execute(alter.format("default"))
            editor.execute('DROP COLLATION "NOCASE"')
        else:
            editor.alter_field(Term, anycase, plain)


def test_the_database_says_what_is_equal(words_of_any_case: None) -> None:
    Term.objects.create(word="Word")
    ContentType.objects.get_for_model(Term)
    assert objects.missing([ObjectRef("blog", "term", "wORD")]) == []
    assert objects.missing([ObjectRef("blog", "term", "words")]) == [ObjectRef("blog", "term", "words")]


def test_missing_asks_once_a_model(django_assert_num_queries: Any) -> None:
    refs = [ObjectRef.of(Article.objects.create(title=str(n))) for n in range(20)]
    objects.missing(refs)
    with django_assert_num_queries(1):
        assert objects.missing(refs) == []


def test_a_manager_that_hides_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = ObjectRef.of(Article.objects.create(title="hidden"))
    ContentType.objects.get_for_model(Article)

    class Hiding(models.Manager):  # type: ignore[type-arg]
        def get_queryset(self) -> Any:
            return super().get_queryset().none()

    hiding = Hiding()
    hiding.model = Article
    monkeypatch.setitem(Article._meta.__dict__, "base_manager", hiding)
    assert not Article._base_manager.exists()
    assert objects.missing([ref]) == []
