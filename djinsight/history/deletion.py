"""What goes when a tracked object is deleted: its statistics, its summaries and its counters. Its log rows stay."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.signals import post_delete

from djinsight import objects
from djinsight.beacons.refs import ObjectRef, tracked_model
from djinsight.conf import conf
from djinsight.counting import totals
from djinsight.exceptions import CountingUnavailable
from djinsight.models import PageViewHour, PageViewStatistics, PageViewSummary
from djinsight.rows import rows_of

logger = logging.getLogger("djinsight.history")


def connect() -> None:
    """Listen to the deletion of tracked objects, and only those: a listener slows the deletion of its sender.

    Of a multi-table inheritance it is the model that names the object whose deletion counts: a child that goes and
    leaves its parent there takes no numbers along. Proxies send for themselves.
    """
    installed = apps.get_models()
    naming = {tracked_model(model) for model in installed if getattr(model, "djinsight_tracked", False)}
    for model in installed:
        if model._meta.concrete_model in naming:
            post_delete.connect(forget, sender=model, dispatch_uid=f"djinsight.deletion.{model._meta.label}")


def forget(instance: models.Model, using: str, **kwargs: Any) -> None:
    """Delete the rows of ``instance`` in its transaction, and its counters in Redis once that is committed."""
    ref = ObjectRef.of(instance)
    _delete_rows([ref])
    transaction.on_commit(partial(_forget_counters, [ref]), using=using)


def forget_missing(refs: Sequence[ObjectRef]) -> None:
    """The same for those of ``refs`` whose object is gone: views of it were counted and not yet persisted.

    For persist, in its transaction and after it has written its sums.
    """
    for start in range(0, len(refs), conf.batch_size):
        missing = objects.missing(refs[start : start + conf.batch_size])
        if missing:
            _delete_rows(missing)
            transaction.on_commit(partial(_forget_counters, missing))


def _delete_rows(refs: Sequence[ObjectRef]) -> None:
    _, where = rows_of(refs)
    for table in (PageViewStatistics, PageViewSummary, PageViewHour):
        table.objects.filter(where).delete()


def _forget_counters(refs: Sequence[ObjectRef]) -> None:
    try:
        totals.forget(refs)
    except CountingUnavailable as error:
        logger.warning("the counters of a deleted object stay in Redis: %s", error)
