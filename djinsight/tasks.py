"""The Celery tasks."""

from __future__ import annotations

from celery import shared_task

from djinsight.history import persist as _persist


@shared_task(name="djinsight.persist", ignore_result=True)
def persist() -> None:
    """Write what is counted to the database."""
    _persist.persist()
