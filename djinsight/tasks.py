"""Tasks: the work of Celery, each a shell over a function of ``history``."""

from __future__ import annotations

from celery import shared_task

from djinsight.history import cleanup as _cleanup
from djinsight.history import orphans, refusal_counts
from djinsight.history import persist as _persist
from djinsight.history import summaries as _summaries

DAYS_AGAIN = 2  # yesterday and today


@shared_task(name="djinsight.persist", ignore_result=True)
def persist() -> None:
    """Write counted views to the database. A shard that another worker is persisting is skipped."""
    try:
        _persist.persist(wait=False)
    finally:
        refusal_counts.move(wait=False)  # even if the Redis server of a shard is down


@shared_task(name="djinsight.summarize", ignore_result=True)
def summarize(days: int = DAYS_AGAIN) -> None:
    """Rebuild the daily summaries of the last ``days`` days from the log."""
    for _ in _summaries.rebuild(days):
        pass


@shared_task(name="djinsight.cleanup", ignore_result=True)
def cleanup(days: int | None = None) -> None:
    """Delete log rows older than ``days`` (``DJINSIGHT_CLEANUP_DAYS``), and statistics of deleted objects."""
    for _ in _cleanup.clean_up(days):
        pass
    orphans.forget()
