"""Corrections: set totals, merge objects and forget visitors, while views arrive."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from channels.db import database_sync_to_async
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import Sum

from djinsight import api, tasks
from djinsight.counting import live_numbers
from djinsight.counting.keys import Keys
from djinsight.exceptions import CountingUnavailable, InvalidRef
from djinsight.history import summaries
from djinsight.history.persist import persist
from djinsight.models import DataLoss, DeadLetter, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Term
from tests.support.commands import run
from tests.support.counted_views import count, count_views, view

pytestmark = pytest.mark.django_db(transaction=True)


def live(ref: ObjectRef) -> tuple[int, int]:
    each = live_numbers.read([ref])[ref]
    return each.total_views, each.unique_views


def rows(ref: ObjectRef) -> list[int]:
    """Return the numbers of views in the log, the total, the days and the hours."""
    tables = (PageViewStatistics, PageViewSummary, PageViewHour)
    of = {"content_type__model": ref.model_name, "object_id": ref.pk}
    sums = [table.objects.filter(**of).aggregate(n=Sum("total_views", default=0))["n"] for table in tables]
    return [PageViewLog.objects.filter(**of).count(), *sums]


@pytest.mark.parametrize("persisted", [0, 5])
@pytest.mark.parametrize("total", [0, 3, 1000])
def test_set_totals(total: int, persisted: int, article: Article, ref: ObjectRef) -> None:
    """The number replaces views from before, persisted or not; later views are added."""
    if persisted:
        count_views(ref, persisted, visitors=2)
        persist()
        assert live(ref)[0] == persisted
    count_views(ref, 4, visitors=2)
    unique = min(total, 2)
    assert api.set_totals(article, total_views=total, unique_views=unique) == (total, unique)
    assert live(ref) == (total, unique)
    assert (article.total_views, article.unique_views) == (total, unique)
    count_views(ref, 1)
    assert live(ref) == (total + 1, unique)
    persist()
    assert Article.objects.get(total_views=total + 1).unique_views == unique
    assert rows(ref) == [persisted + 5, total + 1, persisted + 5, persisted + 5]
    assert not DeadLetter.objects.exists()
    assert not DataLoss.objects.exists()


def test_one_of_both(ref: ObjectRef) -> None:
    count_views(ref, 4, visitors=2)
    assert api.set_totals(ref, total_views=9) == (9, 2)
    assert api.set_totals(ref, unique_views=3) == (9, 3)
    assert api.set_totals(ref) == (9, 3)


@pytest.mark.parametrize(("total", "unique"), [(-1, None), (None, -1), (2**53, None), (1, 2), (None, 5)])
def test_numbers_that_cannot_be(total: int | None, unique: int | None, ref: ObjectRef) -> None:
    count_views(ref, 4, visitors=2)
    with pytest.raises(ValueError, match="expected"):
        api.set_totals(ref, total_views=total, unique_views=unique)
    assert live(ref) == (4, 2)


def test_objects_that_cannot_be(ref: ObjectRef) -> None:
    with pytest.raises(InvalidRef):
        api.set_totals(Article(), total_views=1)
    with pytest.raises(ValueError, match="installed"):
        api.set_totals(ObjectRef("blog", "nothing", "1"), total_views=1)
    with pytest.raises(ValueError, match="two objects"):
        api.merge(ref, ref)


def test_within_a_transaction(ref: ObjectRef) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        api.set_totals(ref, total_views=1)


def test_without_redis(ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    for correct in (lambda: api.set_totals(ref, total_views=1), lambda: api.forget_visitor("x")):
        with pytest.raises(CountingUnavailable):
            correct()
    assert not PageViewStatistics.objects.exists()


def test_while_views_come(ref: ObjectRef) -> None:
    """No view is lost or counted twice: the result is the number that was set last plus the later views."""

    def views() -> None:
        for _ in range(40):
            count_views(ref, 1)
            live_numbers.read([ref])
            persist()
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(views) for _ in range(2)]
        while not all(each.done() for each in working):
            api.set_totals(ref, total_views=7, unique_views=0)
        for each in working:
            each.result()
    api.set_totals(ref, total_views=7, unique_views=0)
    count_views(ref, 3)
    persist()
    assert live(ref)[0] == 10
    assert rows(ref) == [83, 10, 83, 83]


def test_who_read_the_database_before(ref: ObjectRef) -> None:
    """A process that read the database before the correction does not bring the old number back."""
    from djinsight import days
    from djinsight.counting import baseline, loading

    count_views(ref, 5)
    persist()
    moment = days.now()
    before = baseline.read(0, [ref], moment)
    api.set_totals(ref, total_views=1, unique_views=0)
    reply = loading._store(0, [ref], before, moment)
    assert reply == b"stale"
    assert live(ref) == (1, 0)


async def test_open_pages(open_socket: Callable[..., Any], watch_token: str, ref: ObjectRef, article: Article) -> None:
    """An open page gets a larger and a smaller number at once, and a page that is opened later gets it, too."""
    page = await open_socket()
    await page.subscribe(watch_token)
    assert await api.aset_totals(article, total_views=50, unique_views=5) == (50, 5)
    assert (await page.counter(50))["unique_views"] == 5
    await api.aset_totals(article, total_views=20)
    assert (await page.counter(20))["total_views"] == 20
    later = await open_socket()
    (counter,) = (await later.subscribe(watch_token))["counters"]
    assert counter["total_views"] == 20
    await database_sync_to_async(persist)()


def merged(source: ObjectRef, into: ObjectRef) -> None:
    """Count views of three visitors: a views both objects, b one, c the other."""
    count([view(source, "a"), view(source, "a"), view(source, "b"), view(into, "a"), view(into, "c")])


@pytest.mark.parametrize("persisted", [True, False])
def test_merge(persisted: bool, ref: ObjectRef, redis_client: redis.Redis) -> None:
    other = Term.objects.create(word=ref.pk)  # an object of another model with the same key
    into = ObjectRef.of(other)
    merged(ref, into)
    if persisted:
        persist()
    assert api.merge(ref, other) == (5, 3)
    assert (live(ref), live(into)) == ((0, 0), (5, 3))
    assert (rows(ref), rows(into)) == ([0] * 4, [5] * 4)
    assert PageViewLog.objects.filter(is_unique=True).count() == 3
    assert PageViewSummary.objects.get(total_views__gt=0).unique_views == 3
    assert sum(n for _, n in summaries.rebuild(1)) == 0
    count_views(into, 1)
    persist()
    assert rows(into) == [6] * 4


def test_merge_what_was_never_viewed(ref: ObjectRef) -> None:
    other = Article.objects.create(title="never")
    count_views(ref, 2)
    assert api.merge(other, ref) == (2, 1)
    assert api.merge(ref, other) == (2, 1)
    assert live(ref) == (0, 0)


def test_merge_visitors_of_other_weeks(ref: ObjectRef) -> None:
    """A visitor whose view of the other object is older than the lifetime of a session is a new one."""
    other = ObjectRef.of(Article.objects.create(title="other"))
    merged(ref, other)
    persist()
    of_ref = PageViewLog.objects.filter(object_id=ref.pk)
    of_ref.update(timestamp=datetime.now(UTC) - timedelta(days=8))
    assert api.merge(ref, other) == (5, 4)


def test_forget_visitor(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count([view(ref, "a"), view(ref, "b")])
    persist()
    count([view(ref, "a")])
    count([view(ObjectRef("blog", "nothing", "1"), "a"), view(ObjectRef("blog", "nothing", "1"), "b")])
    visitor = f"{'a':_>22}"
    assert redis_client.exists(Keys(0).of_visitor(visitor))
    assert api.forget_visitor(visitor) == 2
    assert [row.visitor for row in PageViewLog.objects.all()] == [f"{'b':_>22}"]
    assert DeadLetter.objects.count() == 1
    assert not redis_client.exists(Keys(0).of_visitor(visitor))
    assert live(ref) == (3, 2)
    assert rows(ref) == [1, 3, 3, 3]
    list(summaries.rebuild(1))
    assert rows(ref) == [1, 3, 3, 3]
    with pytest.raises(ValueError, match="empty"):
        api.forget_visitor("")


def test_the_tasks_go_on(ref: ObjectRef) -> None:
    count_views(ref, 2)
    api.set_totals(ref, total_views=1, unique_views=1)
    count_views(ref, 2)
    tasks.persist()
    assert rows(ref) == [4, 3, 4, 4]


def test_commands(ref: ObjectRef) -> None:
    other = ObjectRef.of(Article.objects.create(title="other"))
    merged(ref, other)
    said = run("djinsight_set_totals", ref, "--total-views", "1000")
    assert said == f"{ref}: 1,000 views, 2 of them unique.\n"
    assert run("djinsight_merge", ref, other, "--yes") == f"{other}: 1,002 views, 3 of them unique.\n"
    assert run("djinsight_forget_visitor", f"{'a':_>22}", "--yes") == "Deleted 3 log rows.\n"


@pytest.mark.parametrize(
    ("command", "match"),
    [
        (["djinsight_set_totals", "blog.article:0"], "Give --total-views"),
        (["djinsight_set_totals", "blog.article:0", "--total-views", "1"], "There is no blog.article:0"),
        (["djinsight_set_totals", "blog.nothing:5", "--total-views", "1"], "There is no blog.nothing:5"),
        (["djinsight_set_totals", "article 5", "--total-views", "1"], "expected app_label"),
        (["djinsight_set_totals", "blog.article:0", "--total-views", "-1"], "expected"),
        (["djinsight_merge", "blog.article:0", "blog.article:1", "--yes"], "There is no"),
        (["djinsight_forget_visitor", "x"], "--yes"),
        (["djinsight_forget_visitor", "", "--yes"], "expected a visitor"),
    ],
)
def test_commands_that_cannot_run(command: list[str], match: str) -> None:
    with pytest.raises(CommandError, match=match):
        run(*command)
