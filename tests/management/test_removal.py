"""Reset and uninstall: everything that djinsight has made is deleted, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django_celery_beat.models import PeriodicTask

from djinsight import tasks
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import DataLoss, PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.commands import run
from tests.support.counted_views import count_views

pytestmark = pytest.mark.django_db(transaction=True)

OTHERS = ["other:counter:blog.article:5", "djinsight:own", "djinsight:b:counter:blog.article:5", "djinsightcounter:1"]


@pytest.fixture
def viewed(ref: ObjectRef, redis_client: redis.Redis) -> ObjectRef:
    """An object with views in the tables, in the stream and in the counters, beside keys of other programs."""
    count_views(ref, 5)
    persist()
    count_views(ref, 3)
    live_numbers.read([ref])
    for name in OTHERS:
        redis_client.set(name, 1)
    return ref


def keys(client: redis.Redis) -> set[str]:
    return {name.decode() for name in client.scan_iter()}


@pytest.fixture
def migrated() -> Iterator[None]:
    """Make the tables again after the test."""
    yield
    call_command("migrate", verbosity=0)


def test_reset(viewed: ObjectRef, redis_client: redis.Redis) -> None:
    with pytest.raises(CommandError, match="--yes"):
        run("djinsight_reset")
    assert run("djinsight_reset", "--yes").startswith("Deleted ")
    assert keys(redis_client) == set(OTHERS)
    assert not any(model.objects.exists() for model in apps.get_app_config("djinsight").get_models())
    assert Article.objects.get().total_views == 0
    count_views(viewed, 2)
    tasks.persist()
    assert PageViewStatistics.objects.get().total_views == 2
    assert live_numbers.read([viewed])[viewed].total_views == 2
    assert not DataLoss.objects.exists()


def test_uninstall(viewed: ObjectRef, redis_client: redis.Redis, migrated: None) -> None:
    call_command("migrate", verbosity=0)  # the flush after the previous test has deleted the tasks, too
    assert PeriodicTask.objects.filter(name__startswith="djinsight.").count() == 3
    said = run("djinsight_uninstall", "--yes")
    assert "Deleted the periodic task djinsight.persist." in said
    assert keys(redis_client) == set(OTHERS)
    assert not [name for name in connection.introspection.table_names() if name.startswith("djinsight_")]
    assert not PeriodicTask.objects.filter(name__startswith="djinsight.").exists()


def test_migrate_zero_takes_the_periodic_tasks_along(migrated: None) -> None:
    call_command("migrate", verbosity=0)
    PeriodicTask.objects.update(enabled=False)
    call_command("migrate", "djinsight", "zero", verbosity=0)
    assert not PeriodicTask.objects.filter(name__startswith="djinsight.").exists()
    call_command("migrate", "django_celery_beat", verbosity=0)
    assert not PeriodicTask.objects.filter(name__startswith="djinsight.").exists()
    call_command("migrate", verbosity=0)
    assert PeriodicTask.objects.filter(name__startswith="djinsight.").count() == 3
