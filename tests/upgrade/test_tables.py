"""Tables of djinsight 0.4: the upgrade moves every number and every row once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.db import connection

from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import OlderViews, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from djinsight.upgrade import layout, tables
from tests.blog.models import Article, News
from tests.support import older_tables
from tests.support.commands import run
from tests.support.counted_views import count_views
from tests.support.older_layout import PREFIX, SESSION, view
from tests.support.zones import database_in

NOON = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


@pytest.fixture
def older_database(transactional_db: None) -> Iterator[list[ObjectRef]]:
    """An article and a news article, with 9 and 3 views in the log of 0.4, and 100 more in the totals."""
    articles = [Article.objects.create(title="a"), News.objects.create(title="n")]
    older_tables.make()
    for article, views in zip(articles, (9, 3), strict=True):
        kind = ContentType.objects.get_for_model(type(article)).pk
        about = {"content_type_id": kind, "object_id": article.pk}
        times = [NOON + timedelta(hours=n) for n in range(views)]
        older_tables.insert(
            "pageviewstatistics",
            **about,
            total_views=views + 100,
            unique_views=42,
            first_viewed_at=times[0] - timedelta(days=50),
            last_viewed_at=times[-1],
            updated_at=times[-1],
        )
        older_tables.insert("pageviewsummary", **about, date="2026-03-01", total_views=views, unique_views=2)
        for n, when in enumerate(times):
            older_tables.insert(
                "pageviewevent",
                **about,
                url=f"/articles/{article.pk}/",
                session_key=f"{SESSION}{n % 2}",
                ip_address="198.51.100.77",
                user_agent="Mozilla/5.0" + "x" * 900,
                referrer=None,
                timestamp=when,
                is_unique=n < 2,
            )
    yield [ObjectRef.of(article) for article in articles]
    older_tables.remove()


def totals_of(refs: list[ObjectRef]) -> list[Any]:
    fields = ("total_views", "unique_views", "first_viewed_at", "last_viewed_at")
    return [PageViewStatistics.objects.values_list(*fields).get(object_id=ref.pk) for ref in refs]


def assert_upgraded(refs: list[ObjectRef]) -> None:
    first = NOON - timedelta(days=50)
    assert totals_of(refs) == [
        (109, 42, first, NOON + timedelta(hours=8)),
        (103, 42, first, NOON + timedelta(hours=2)),
    ]
    assert set(PageViewStatistics.objects.values_list("content_type__model", flat=True)) == {"article"}
    assert sorted(PageViewSummary.objects.values_list("total_views", "unique_views")) == [(3, 2), (9, 2)]
    assert PageViewLog.objects.count() == 12
    assert PageViewHour.objects.count() == 12
    row = PageViewLog.objects.filter(object_id=refs[0].pk).earliest("timestamp")
    assert (row.timestamp, row.visitor, row.ip_address) == (NOON, layout.visitor_of(f"{SESSION}0"), "198.51.100.0")
    assert (len(row.user_agent), row.referrer, row.is_unique, row.view_id[:6]) == (512, "", True, "older-")
    assert older_tables.names() == {*older_tables.OURS, "djinsight_contenttyperegistry", "djinsight_mcpapikey"}
    for ref in refs:
        assert live_numbers.read([ref])[ref].total_views == totals_of([ref])[0][0]


def test_hours_are_those_of_utc_whatever_the_zone_of_the_database(older_database: list[ObjectRef]) -> None:
    with database_in("Asia/Kolkata"):  # UTC+05:30
        run("djinsight_upgrade", "--yes")
        assert {hour.astimezone(UTC).minute for hour in PageViewHour.objects.values_list("hour", flat=True)} == {0}


def test_upgrade(older_database: list[ObjectRef], redis_client: redis.Redis) -> None:
    said = run("djinsight_upgrade", "--yes").splitlines()
    assert said[-1] == "Moved 16 rows."
    assert_upgraded(older_database)
    assert run("djinsight_upgrade") == "There are no tables of djinsight 0.3 or 0.4, so there is nothing to do.\n"
    call_command("migrate", verbosity=0, skip_checks=False)
    count_views(older_database[0], 1)
    persist()
    assert totals_of(older_database)[0][0] == 110


@pytest.mark.parametrize("stop", [0, 1, 2, 4])
def test_ended_anywhere_and_begun_again(stop: int, older_database: list[ObjectRef], settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 4
    steps = tables.upgrade()
    for _ in range(stop):
        next(steps)
    steps.close()
    assert sum(tables.upgrade()) > 0
    assert_upgraded(older_database)


def test_renamed_and_started_again(older_database: list[ObjectRef]) -> None:
    tables.rename_older()
    assert tables.is_needed()
    assert tables.rows() == 16
    run("djinsight_upgrade", "--yes")
    assert_upgraded(older_database)


def test_with_what_is_in_redis(older_database: list[ObjectRef], redis_client: redis.Redis) -> None:
    """Counters have the views of the tables and of the records; only the views beyond these are added."""
    ref = older_database[0]
    view(redis_client, int(ref.pk))
    redis_client.set(f"{PREFIX}counter:blog.article:{ref.pk}", 112)
    run("djinsight_upgrade", "--yes")
    said = run("process_pageviews")
    assert "1 records, 2 views from counters" in said
    assert totals_of([ref])[0][0] == live_numbers.read([ref])[ref].total_views == 112
    assert OlderViews.objects.get(object_id=ref.pk).total_views == 112


def test_check_keeps_migrate_from_doing_nothing(older_database: list[ObjectRef]) -> None:
    with pytest.raises(SystemCheckError, match=r"djinsight\.E003"):
        call_command("migrate", verbosity=0, skip_checks=False)
    with pytest.raises(SystemCheckError, match="djinsight_upgrade"):
        call_command("check", databases=["default"])
    assert older_tables.names().isdisjoint({"djinsight_pageviewlog"})


@pytest.mark.django_db
def test_check_is_silent_otherwise() -> None:
    call_command("check", databases=["default"])


def test_dry_run_and_nobody_to_ask(older_database: list[ObjectRef]) -> None:
    assert run("djinsight_upgrade", "--dry-run") == "16 rows of djinsight 0.x would be moved.\n"
    with pytest.raises(CommandError, match="--yes"):
        run("djinsight_upgrade")
    assert "djinsight_pageviewevent" in older_tables.names()


def test_tables_that_are_too_old(transactional_db: None) -> None:
    older_tables.make("0.1")
    try:
        with pytest.raises(CommandError, match=r"0\.4\.2 first"):
            run("djinsight_upgrade", "--yes")
        with pytest.raises(SystemCheckError, match=r"0\.4\.2"):
            call_command("check", databases=["default"])
    finally:
        older_tables.remove()


def test_a_failure_changes_nothing(older_database: list[ObjectRef]) -> None:
    """The tables are renamed all together, or not at all."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE djinsight_older_event (id INTEGER)")
    try:
        with pytest.raises(Exception, match="already exists"):
            tables.rename_older()
        assert "djinsight_pageviewstatistics" in older_tables.names()
        assert "djinsight_older_statistics" not in older_tables.names()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE djinsight_older_event")
    run("djinsight_upgrade", "--yes")
    assert_upgraded(older_database)
