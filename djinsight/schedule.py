"""When the tasks run."""

from __future__ import annotations

from typing import Any

from django.apps import apps

from djinsight.conf import conf


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for ``app.conf.beat_schedule``, for schedulers other than django_celery_beat's."""
    interval = conf.persist_interval
    # A run that could not start within its interval is superseded by the next one.
    return {"djinsight.persist": {"task": "djinsight.persist", "schedule": interval, "options": {"expires": interval}}}


def create_periodic_tasks(using: str, **kwargs: Any) -> None:
    """Create the periodic tasks of django_celery_beat where they are missing; an edited one is left as it is."""
    if not apps.is_installed("django_celery_beat"):
        return
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    for name, entry in beat_schedule().items():
        if PeriodicTask.objects.using(using).filter(name=name).exists():
            continue
        seconds = max(1, round(entry["schedule"]))
        interval, _ = IntervalSchedule.objects.using(using).get_or_create(
            every=seconds, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.using(using).create(
            name=name, task=entry["task"], interval=interval, expire_seconds=seconds
        )
