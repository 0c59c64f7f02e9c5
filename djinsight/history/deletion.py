"""What goes when a tracked object is deleted: its statistics, its summaries and its counters. Its log rows stay."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import redis
from django.apps import apps
from django.db import Error as DatabaseError
from django.db import connections, models, transaction
from django.db.models.signals import post_delete

from djinsight import database
from djinsight.conf import conf
from djinsight.counting import connections as connections_to_redis
from djinsight.exceptions import InvalidRef
from djinsight.history import deleted, forgetting
from djinsight.history.cursors import lock_cursors_if_free
from djinsight.models import PageViewHour, PageViewStatistics, PageViewSummary
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.registry import tracked_model, tracked_models
from djinsight.tracked.rows import rows_of

logger = logging.getLogger("djinsight.history")

_waiting: WeakKeyDictionary[Any, dict[ObjectRef, None]] = WeakKeyDictionary()  # by connection, for its next commit


def connect() -> None:
    """Listen to the deletion of tracked objects, and only those: a listener slows the deletion of its sender.

    Of a multi-table inheritance it is the model that names the object whose deletion counts: a child that goes and
    leaves its parent there takes no numbers along. Proxies send for themselves.
    """
    naming = set(map(tracked_model, tracked_models()))
    for model in apps.get_models():
        if model._meta.concrete_model in naming:
            post_delete.connect(forget, sender=model, dispatch_uid=f"djinsight.deletion.{model._meta.label}")


def forget(instance: models.Model, using: str, **kwargs: Any) -> None:
    """Delete the rows and the counters of ``instance`` once its deletion is committed.

    Not in its transaction, which locks rows in an order of its own and may be a long one: persist would wait for it,
    or both for each other. Where there is an object of that key again by then, it has the numbers.
    """
    try:
        ref = ObjectRef.of(instance)
    except InvalidRef:
        return  # its key makes no ref, so that it was never counted
    waiting = _waiting.setdefault(connections[using], {})
    waiting[ref] = None
    # Each one asks: those that are asked for within a savepoint are dropped with it. Robust: the deletion is done, and
    # what the site has to do after it comes next.
    transaction.on_commit(partial(_committed, waiting), using=using, robust=True)


def _committed(waiting: dict[ObjectRef, None]) -> None:
    """Wait for the end of a transaction in our database, too, if it is another one."""
    if not waiting:
        return
    try:
        # Also this asks the database, if it is not connected.
        transaction.on_commit(partial(_forget_waiting, waiting), using=database.alias(), robust=True)
    except DatabaseError as error:
        logger.warning("the statistics of %d deleted objects stay until persist runs: %s", len(waiting), error)
        _leave(list(waiting))
        waiting.clear()


def _forget_waiting(waiting: dict[ObjectRef, None]) -> None:
    """The first call after a commit takes all, also those whose deletion was rolled back: they are not missing."""
    refs = list(waiting)
    waiting.clear()
    if not refs:
        return
    try:
        # Persist may have the cursors for seconds: whoever deletes an object does not wait for it.
        with database.without_waiting(), database.write():
            if lock_cursors_if_free():
                forget_missing(refs)
                return
    except DatabaseError as error:
        logger.warning("the statistics of %d deleted objects stay until persist runs: %s", len(refs), error)
    _leave(refs)


def _leave(refs: Sequence[ObjectRef]) -> None:
    """Note ``refs`` for persist; what cannot be noted is for the nightly cleanup."""
    if conf.testing:
        return
    try:
        with connections_to_redis.patience(min(conf.page_timeout, conf.redis_timeout)):
            deleted.note(refs)
    except (redis.RedisError, OSError) as error:
        text = "the statistics of %d deleted objects stay until djinsight.cleanup runs: %s"
        logger.warning(text, len(refs), error)


def forget_missing(refs: Sequence[ObjectRef]) -> None:
    """Delete the rows of those of ``refs`` whose object is gone, and their counters once that is committed.

    In a transaction that has the cursor. Persist calls it after it has written its sums: views of a deleted object
    may have been on their way.
    """
    for start in range(0, len(refs), conf.batch_size):
        gone = missing(refs[start : start + conf.batch_size])
        if gone:
            _delete_rows(gone)
            transaction.on_commit(partial(forgetting.forget, gone), using=database.alias(), robust=True)


def missing(refs: Sequence[ObjectRef]) -> list[ObjectRef]:
    """Return those of ``refs`` whose object is gone.

    Not those whose own database does not answer, if it is another one: they are found with their next view, or by the
    nightly cleanup.
    """
    found: list[ObjectRef] = []
    for rows, group in objects.by_model(refs):
        try:
            found += objects.missing_among(rows, group)
        except DatabaseError as error:
            if rows.db == database.alias():
                raise
            label = rows.model._meta.label
            logger.warning('the database "%s" does not tell what of %s is deleted: %s', rows.db, label, error)
    return found


def _delete_rows(refs: Sequence[ObjectRef]) -> None:
    _, where = rows_of(refs)
    for table in (PageViewStatistics, PageViewSummary, PageViewHour):
        database.rows(table).filter(where).delete()
