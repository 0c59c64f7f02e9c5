"""Deletion: delete the statistics, summaries and counters of a deleted object. Its log rows stay."""

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
    """Listen to the deletion of tracked objects only, because a listener slows the deletion of its sender.

    With multi-table inheritance, the listener is on the model that gives the object its ref. If a child is deleted and
    its parent stays, the numbers stay. Proxies send signals of their own.
    """
    naming = set(map(tracked_model, tracked_models()))
    for model in apps.get_models():
        if model._meta.concrete_model in naming:
            post_delete.connect(forget, sender=model, dispatch_uid=f"djinsight.deletion.{model._meta.label}")


def forget(instance: models.Model, using: str, **kwargs: Any) -> None:
    """Delete the rows and the counters of ``instance`` after its deletion is committed.

    The caller's transaction locks rows in an order of its own, and may be long. If the rows were deleted within it,
    persist would wait for it, or both for each other. If an object with the same key exists after the commit, it keeps
    the numbers.
    """
    try:
        ref = ObjectRef.of(instance)
    except InvalidRef:
        return  # its key makes no ref, so it was never counted
    waiting = _waiting.setdefault(connections[using], {})
    waiting[ref] = None
    # Each deletion registers the callback, because callbacks that are registered within a savepoint are dropped with
    # it. The callback is robust: the deletion is done, and an error here must not stop the site's own callbacks.
    transaction.on_commit(partial(_committed, waiting), using=using, robust=True)


def _committed(waiting: dict[ObjectRef, None]) -> None:
    """Wait for the end of the transaction in our database, too, if the object is in another database."""
    if not waiting:
        return
    try:
        # This call opens a connection to the database if there is none.
        transaction.on_commit(partial(_forget_waiting, waiting), using=database.alias(), robust=True)
    except DatabaseError as error:
        logger.warning(
            "the statistics of %d deleted objects stay until persist runs, as the database does not answer: %s",
            len(waiting),
            error,
        )
        _leave(list(waiting))
        waiting.clear()


def _forget_waiting(waiting: dict[ObjectRef, None]) -> None:
    """Delete the numbers of all ``waiting`` objects that are gone, or note the objects for persist.

    The first call after a commit takes all of them. An object whose deletion was rolled back still exists, so it keeps
    its numbers.
    """
    refs = list(waiting)
    waiting.clear()
    if not refs:
        return
    try:
        # Persist may have the cursors for seconds. Code that deletes an object does not wait for them.
        with database.without_waiting(), database.write():
            if lock_cursors_if_free():
                forget_missing(refs)
                return
    except DatabaseError as error:
        logger.warning(
            "the statistics of %d deleted objects stay until persist runs, as the database cannot delete them now: %s",
            len(refs),
            error,
        )
    _leave(refs)


def _leave(refs: Sequence[ObjectRef]) -> None:
    """Note ``refs`` for persist. If Redis does not answer, the nightly cleanup finds them."""
    if conf.testing:
        return
    try:
        with connections_to_redis.patience(min(conf.page_timeout, conf.redis_timeout)):
            deleted.note(refs)
    except (redis.RedisError, OSError) as error:
        text = "the statistics of %d deleted objects stay until djinsight.cleanup runs, as Redis does not answer: %s"
        logger.warning(text, len(refs), error)


def forget_missing(refs: Sequence[ObjectRef]) -> None:
    """Delete the rows of each of ``refs`` whose object is gone, and its counters after the commit.

    The caller is in a transaction that has locked the cursor. Persist calls this after it has written its sums,
    because they may include late views of a deleted object.
    """
    for start in range(0, len(refs), conf.batch_size):
        gone = missing(refs[start : start + conf.batch_size])
        if gone:
            _delete_rows(gone)
            transaction.on_commit(partial(forgetting.forget, gone), using=database.alias(), robust=True)


def missing(refs: Sequence[ObjectRef]) -> list[ObjectRef]:
    """Return the refs whose object is gone.

    If an object is in another database, and that one does not answer, the object does not count as gone. Its next view
    or the nightly cleanup finds it.
    """
    found: list[ObjectRef] = []
    for rows, group in objects.by_model(refs):
        try:
            found += objects.missing_among(rows, group)
        except DatabaseError as error:
            if rows.db == database.alias():
                raise
            label = rows.model._meta.label
            logger.warning(
                'the database "%s" does not answer, so the statistics of deleted %s objects stay until'
                " djinsight.cleanup runs: %s",
                rows.db,
                label,
                error,
            )
    return found


def _delete_rows(refs: Sequence[ObjectRef]) -> None:
    _, where = rows_of(refs)
    for table in (PageViewStatistics, PageViewSummary, PageViewHour):
        database.rows(table).filter(where).delete()
