"""When the tasks run."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed
from django.db import router

from djinsight.conf import conf


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for ``app.conf.beat_schedule``, for schedulers other than django_celery_beat's."""
    interval = conf.persist_interval
    # A run that could not start within its interval is superseded by the next one.
    return {"djinsight.persist": {"task": "djinsight.persist", "schedule": interval, "options": {"expires": interval}}}


def create_periodic_tasks(using: str, apps: Any = installed, **kwargs: Any) -> None:
    """Create the periodic tasks of django_celery_beat where they are missing; an edited one is left as it is.

    Called after ``migrate``; ``apps`` are the models that the database ``using`` has tables of by then.
    """
    try:
        apps.get_model("django_celery_beat", "PeriodicTask")
    except LookupError:
        return
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    if not router.allow_migrate_model(using, PeriodicTask):
        return
    for name, entry in beat_schedule().items():
        if PeriodicTask.objects.using(using).filter(name=name).exists():
            continue
        seconds = max(1, round(entry["schedule"]))
        every = {"every": seconds, "period": IntervalSchedule.SECONDS}
        # Nothing keeps intervals unique: get_or_create() fails where a site has one twice.
        intervals = IntervalSchedule.objects.using(using)
        interval = intervals.filter(**every).first() or intervals.create(**every)
        PeriodicTask.objects.using(using).create(
            name=name, task=entry["task"], interval=interval, expire_seconds=seconds
        )
