"""Schedule: periodic tasks are created once, and changes made in the admin stay."""

from __future__ import annotations

from typing import Any

import pytest
from celery.schedules import crontab
from django.apps import apps
from django.apps.registry import Apps
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djinsight.schedule import beat_schedule, create_periodic_tasks, delete_periodic_tasks
from tests.celery import app
from tests.support.commands import run

pytestmark = pytest.mark.django_db


def persist() -> PeriodicTask:
    return PeriodicTask.objects.get(name="djinsight.persist")


def test_migrate_makes_it() -> None:
    """The test database was migrated like any other, so it has the periodic tasks."""
    task = persist()
    assert (task.task, task.enabled, task.expire_seconds) == ("djinsight.persist", True, 5)
    assert (task.interval.every, task.interval.period) == (5, IntervalSchedule.SECONDS)


@pytest.mark.parametrize(
    ("name", "hour", "minute"), [("djinsight.summarize", "3", "10"), ("djinsight.cleanup", "3", "40")]
)
def test_migrate_makes_the_nightly_ones(name: str, hour: str, minute: str) -> None:
    task = PeriodicTask.objects.get(name=name)
    when = task.crontab
    assert (task.task, task.enabled, task.expire_seconds) == (name, True, 43_200)
    assert (when.hour, when.minute, str(when.timezone)) == (hour, minute, "Europe/Prague")
    assert (when.day_of_week, when.day_of_month, when.month_of_year) == ("*", "*", "*")


def test_migrate_again() -> None:
    before = list(PeriodicTask.objects.values())
    for _ in range(2):
        call_command("migrate", verbosity=0)
    assert list(PeriodicTask.objects.values()) == before


def test_migrate_makes_it_again_where_it_is_gone() -> None:
    persist().delete()
    call_command("migrate", verbosity=0)
    assert persist().task == "djinsight.persist"


def test_an_edited_one_stays(settings: Any) -> None:
    task = persist()
    task.interval = IntervalSchedule.objects.create(every=2, period=IntervalSchedule.MINUTES)
    task.enabled = False
    task.description = "slower, please"
    task.save()
    settings.DJINSIGHT_PERSIST_INTERVAL = 1
    call_command("migrate", verbosity=0)
    kept = persist()
    assert (kept.interval.every, kept.interval.period) == (2, IntervalSchedule.MINUTES)
    assert (kept.enabled, kept.description, kept.expire_seconds) == (False, "slower, please", 5)


@pytest.mark.parametrize(("interval", "seconds"), [(5, 5), (1, 1), (0.2, 1), (7.6, 8), (3600, 3600)])
def test_interval(interval: float, seconds: int, settings: Any) -> None:
    """The schedules in the database have whole seconds."""
    persist().delete()
    settings.DJINSIGHT_PERSIST_INTERVAL = interval
    create_periodic_tasks(using="default")
    task = persist()
    assert (task.interval.every, task.expire_seconds) == (seconds, seconds)


def test_intervals_are_shared() -> None:
    """An interval of the site is used, also if the site has it twice."""
    persist().delete()
    IntervalSchedule.objects.all().delete()
    own = [IntervalSchedule.objects.create(every=5, period=IntervalSchedule.SECONDS) for _ in range(2)]
    create_periodic_tasks(using="default")
    assert persist().interval in own
    assert IntervalSchedule.objects.count() == 2


def test_without_django_celery_beat(settings: Any) -> None:
    persist().delete()
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "django_celery_beat"]
    assert not apps.is_installed("django_celery_beat")
    create_periodic_tasks(using="default")
    assert not PeriodicTask.objects.filter(name="djinsight.persist").exists()


def test_before_its_tables_are_there() -> None:
    """``migrate djinsight`` alone works on a new database."""
    persist().delete()
    create_periodic_tasks(using="default", apps=Apps())
    assert not PeriodicTask.objects.filter(name="djinsight.persist").exists()


class ElsewhereRouter:
    """Writes the schedule to another database than the one that is migrated."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "django_celery_beat" else None


def test_a_database_without_the_schedule(settings: Any) -> None:
    persist().delete()
    settings.DATABASE_ROUTERS = [ElsewhereRouter()]
    create_periodic_tasks(using="default")
    assert not PeriodicTask.objects.filter(name="djinsight.persist").exists()


def test_a_second_database() -> None:
    """Without a router it has the tables, too, but beat reads the schedule of the database for writing."""
    create_periodic_tasks(using="second")
    assert delete_periodic_tasks(using="second") == []


def test_crontabs_are_shared() -> None:
    PeriodicTask.objects.filter(name="djinsight.cleanup").delete()
    own = CrontabSchedule.objects.get(hour="3", minute="40")
    CrontabSchedule.objects.create(hour="3", minute="40", timezone="Europe/Prague")
    create_periodic_tasks(using="default")
    assert PeriodicTask.objects.get(name="djinsight.cleanup").crontab == own
    assert CrontabSchedule.objects.filter(hour="3", minute="40").count() == 2


def test_unschedule() -> None:
    """Periodic tasks of the site stay, also those of djinsight's tasks under other names."""
    every = IntervalSchedule.objects.create(every=9, period=IntervalSchedule.DAYS)
    PeriodicTask.objects.create(name="our own", task="djinsight.cleanup", interval=every)
    persist().delete()
    before = set(PeriodicTask.objects.exclude(name__startswith="djinsight.").values_list("name", flat=True))
    assert run("djinsight_unschedule") == "Deleted djinsight.cleanup, djinsight.summarize.\n"
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == before
    assert run("djinsight_unschedule") == "There are no periodic tasks of djinsight.\n"


@pytest.mark.parametrize(("name", "hour", "minute"), [("djinsight.summarize", 3, 10), ("djinsight.cleanup", 3, 40)])
def test_beat_schedule_of_the_nightly_ones(name: str, hour: int, minute: int) -> None:
    entry = beat_schedule()[name]
    assert entry == {"task": name, "schedule": crontab(hour=hour, minute=minute), "options": {"expires": 43_200}}


@pytest.mark.parametrize("interval", [5, 0.5])
def test_beat_schedule(interval: float, settings: Any) -> None:
    settings.DJINSIGHT_PERSIST_INTERVAL = interval
    assert beat_schedule()["djinsight.persist"] == {
        "task": "djinsight.persist",
        "schedule": interval,
        "options": {"expires": interval},
    }


def test_what_is_scheduled_exists() -> None:
    app.loader.import_default_modules()
    tasks = {name for name in app.tasks if name.startswith("djinsight.")}
    assert {entry["task"] for entry in beat_schedule().values()} == tasks
