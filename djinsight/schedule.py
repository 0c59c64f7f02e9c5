"""Schedule: when the Celery tasks run."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab
from django.apps import apps as installed
from django.db import router
from django.utils.timezone import get_default_timezone_name

from djinsight.conf import conf

NIGHTLY = {"djinsight.summarize": {"hour": "3", "minute": "10"}, "djinsight.cleanup": {"hour": "3", "minute": "40"}}
NIGHTLY_EXPIRES = 12 * 3600  # seconds; a worker that was down does not catch up in the middle of the day


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return entries for ``app.conf.beat_schedule``, for schedulers other than django_celery_beat's.

    ``djinsight.persist`` runs every ``DJINSIGHT_PERSIST_INTERVAL`` seconds, the other two at night in the time zone of
    the Celery app.
    """
    interval = conf.persist_interval
    # A run that could not start within its interval expires, as the next one does its work.
    entries: dict[str, dict[str, Any]] = {"djinsight.persist": {"schedule": interval, "options": {"expires": interval}}}
    for name, when in NIGHTLY.items():
        entries[name] = {"schedule": crontab(**when), "options": {"expires": NIGHTLY_EXPIRES}}
    return {name: {"task": name, **entry} for name, entry in entries.items()}


def create_periodic_tasks(using: str, apps: Any = installed, **kwargs: Any) -> None:
    """Create the missing periodic tasks of django_celery_beat after ``migrate``; edited ones stay as they are.

    After ``migrate djinsight zero`` there is nothing left to run, so the tasks are deleted.

    Args:
        using: The database that was migrated.
        apps: The models that have tables there now.
        **kwargs: The other arguments of the signal.
    """
    tasks = _periodic_tasks(using, apps)
    if tasks is None:
        return
    if "persistcursor" not in apps.all_models["djinsight"]:
        delete_periodic_tasks(using)
        return
    for name, entry in beat_schedule().items():
        if not tasks.filter(name=name).exists():
            when = _crontab(using, **NIGHTLY[name]) if name in NIGHTLY else _interval(using, entry["schedule"])
            expires = max(1, round(entry["options"]["expires"]))
            tasks.create(name=name, task=entry["task"], expire_seconds=expires, **when)


def delete_periodic_tasks(using: str) -> list[str]:
    """Delete the periodic tasks of this app, edited ones too, and return their names.

    Their schedules stay, as other tasks may share them.
    """
    tasks = _periodic_tasks(using, installed)
    if tasks is None:
        return []
    ours = tasks.filter(name__in=beat_schedule())
    names = sorted(ours.values_list("name", flat=True))
    for task in ours:  # one by one, as beat is told by a signal of each
        task.delete()
    return names


def _periodic_tasks(using: str, apps: Any) -> Any:
    """Return the periodic tasks in the database ``using``, None if it has none or beat reads another database."""
    try:
        apps.get_model("django_celery_beat", "PeriodicTask")
    except LookupError:
        return None
    from django_celery_beat.models import PeriodicTask

    if using != router.db_for_write(PeriodicTask) or not router.allow_migrate_model(using, PeriodicTask):
        return None
    return PeriodicTask.objects.using(using)


def _interval(using: str, interval: float) -> dict[str, Any]:
    from django_celery_beat.models import IntervalSchedule

    every = {"every": max(1, round(interval)), "period": IntervalSchedule.SECONDS}
    return {"interval": _shared(using, IntervalSchedule, **every)}


def _crontab(using: str, **when: str) -> dict[str, Any]:
    from django_celery_beat.models import CrontabSchedule

    every_day = dict.fromkeys(("day_of_week", "day_of_month", "month_of_year"), "*")
    zone = get_default_timezone_name()
    return {"crontab": _shared(using, CrontabSchedule, timezone=zone, **every_day, **when)}


def _shared(using: str, model: Any, **fields: Any) -> Any:
    """Return a schedule with ``fields``, a new one if there is none.

    Schedules are not unique, and get_or_create() raises if a site has one twice.
    """
    schedules = model.objects.using(using)
    return schedules.filter(**fields).first() or schedules.create(**fields)
