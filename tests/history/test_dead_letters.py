"""Dead letters: entries that could not be stored are stored later, exactly once, or dropped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import Sum
from django.test import modify_settings

from djinsight.counting import live_numbers
from djinsight.history import dead_letters
from djinsight.history.persist import persist
from djinsight.models import DeadLetter, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from tests.support.commands import Terminal, run
from tests.support.counted_views import count, count_views, view
from tests.support.sockets import view_id


def sums() -> list[int]:
    tables = (PageViewStatistics, PageViewSummary, PageViewHour)
    return [PageViewLog.objects.count(), *(t.objects.aggregate(n=Sum("total_views", default=0))["n"] for t in tables)]


@pytest.fixture
def letters(ref: ObjectRef, redis_client: redis.Redis) -> int:
    """Make letters of five views whose app was not installed, and of one unreadable entry."""
    count_views(ref, 5, visitors=2)
    redis_client.xadd("djinsight:events", {"s": 6, "x": "y\nz"})
    redis_client.hset("djinsight:meta", "seq", 6)
    with modify_settings(INSTALLED_APPS={"remove": "tests.blog"}):
        persist()
    assert (DeadLetter.objects.count(), sums()) == (6, [0] * 4)
    return 6


def test_replay(letters: int, ref: ObjectRef) -> None:
    assert run("process_deadletters", "--replay").splitlines()[-1] == "Stored 5 of 6 dead letters."
    assert sums() == [5] * 4
    assert PageViewLog.objects.filter(is_unique=True).count() == 2
    assert PageViewSummary.objects.get().unique_views == 2
    assert (live_numbers.read([ref])[ref].total_views, DeadLetter.objects.count()) == (5, 1)
    assert run("process_deadletters", "--replay").splitlines()[-1] == "Stored 0 of 1 dead letters."
    assert sums() == [5] * 4


def test_an_open_page_has_them_too(letters: int, ref: ObjectRef) -> None:
    assert live_numbers.read([ref])[ref].total_views == 0
    run("process_deadletters", "--replay")
    assert live_numbers.read([ref])[ref].total_views == 5


def test_with_a_replica_that_is_behind(letters: int, settings: Any) -> None:
    """Letters are read from the database that they were written to: the replica does not even exist."""

    class Router:
        def db_for_read(self, model: Any, **hints: Any) -> str | None:
            return "replica" if model is DeadLetter else None

    settings.DATABASE_ROUTERS = [Router()]
    assert run("process_deadletters").splitlines()[0] == "6 dead letters"
    run("process_deadletters", "--replay")
    settings.DATABASE_ROUTERS = []
    assert DeadLetter.objects.count() == 1


def test_in_batches(letters: int, settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 2
    assert list(dead_letters.replay()) == [(1, 2), (2, 2), (2, 2)]
    assert sums() == [5] * 4


def test_two_at_once(letters: int) -> None:
    def work(_: int) -> int:
        try:
            return sum(stored for stored, _ in dead_letters.replay())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 5
    assert sums() == [5] * 4


def test_what_the_log_has(ref: ObjectRef, letters: int) -> None:
    """A stream that came back with older data brings a letter twice, or a letter whose view is stored already."""
    twin = DeadLetter.objects.last()
    assert twin is not None
    twin.pk = None
    twin.save()
    list(dead_letters.replay())
    twin.pk = None
    twin.save()
    list(dead_letters.replay())
    assert sums() == [5] * 4
    assert DeadLetter.objects.count() == 1


def test_a_sum_without_detail(ref: ObjectRef, settings: Any, redis_client: redis.Redis) -> None:
    DeadLetter.objects.create(
        shard=0,
        entry_id="1-0",
        payload=f'{{"s": "1", "r": "{ref}", "t": "1767225600000", "n": "7", "q": "3", "w": "4"}}'.encode(),
        error="?",
    )
    assert list(dead_letters.replay()) == [(1, 1)]
    assert sums() == [0, 7, 7, 7]


@pytest.mark.parametrize(
    "payload", [b"", b"repr(entry)", b"\xff", b"[]", b'{"s": 5}', b'{"\\u1234": "x"}', b"[" * 20_000]
)
def test_unreadable_payloads_stay(payload: bytes, transactional_db: None) -> None:
    DeadLetter.objects.create(shard=0, entry_id="1-0", payload=payload, error="?")
    assert list(dead_letters.replay()) == [(0, 1)]
    assert DeadLetter.objects.count() == 1


def test_drop(letters: int) -> None:
    with pytest.raises(CommandError, match="--yes"):
        run("process_deadletters", "--drop")
    assert DeadLetter.objects.count() == 6
    assert run("process_deadletters", "--drop", "--yes").splitlines()[-1] == "Deleted 6 dead letters."
    assert not DeadLetter.objects.exists()
    assert sums() == [0] * 4


def test_drop_asks(letters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("process_deadletters", "--drop")
    assert DeadLetter.objects.count() == 6


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--replay", "--dry-run"], ["--drop", "--dry-run"]])
def test_list(arguments: list[str], letters: int) -> None:
    assert run("process_deadletters", *arguments).splitlines() == [
        "6 dead letters",
        "       5  expected an installed model",
        "       1  expected a field b'r' but there is none",
    ]
    assert DeadLetter.objects.count() == 6


def test_not_both(transactional_db: None) -> None:
    with pytest.raises(CommandError, match="not allowed"):
        run("process_deadletters", "--replay", "--drop")


def test_the_neighbours_are_not_written_twice(ref: ObjectRef, letters: int) -> None:
    count([view(ref, id=view_id(7))])
    persist()
    list(dead_letters.replay())
    assert sums() == [6] * 4


def test_a_model_that_was_renamed(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """Dead letters get the new name, and so do views of pages that were rendered under the old one."""
    before = ObjectRef("blog", "post", ref.pk)
    count_views(before, 3)
    live_numbers.read([before])
    persist()
    assert DeadLetter.objects.count() == 3
    assert list(redis_client.scan_iter("*blog.post*"))
    assert run("process_deadletters", "--replay").splitlines()[-1] == "Stored 0 of 3 dead letters."
    said = run("process_deadletters", "--replay", "--rename", "blog.Post=blog.Article")
    assert said.splitlines()[-1] == "Stored 3 of 3 dead letters."
    assert sums() == [3] * 4
    assert live_numbers.read([ref])[ref].total_views == 3
    assert not list(redis_client.scan_iter("*blog.post*"))


@pytest.mark.parametrize(
    "value", ["blog.post", "post=article", "blog.post=blog.nothing", "=blog.article", "a.b=c.d=e.f"]
)
def test_a_rename_that_cannot_be(value: str, letters: int) -> None:
    with pytest.raises(CommandError, match="rename"):
        run("process_deadletters", "--replay", "--rename", value)


def test_a_rename_without_a_replay(letters: int) -> None:
    with pytest.raises(CommandError, match="--replay"):
        run("process_deadletters", "--rename", "blog.post=blog.article")
