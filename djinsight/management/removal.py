"""Removal: delete everything that was counted, from the tables and from Redis."""

from __future__ import annotations

from django.apps import apps

from djinsight import database
from djinsight.doctor import inventory
from djinsight.history.cursors import lock_cursors


def remove_all() -> tuple[int, int]:
    """Delete all rows of our tables and all keys in Redis; return how many of each.

    Workers wait until it is done. Views that are counted later start from 0.

    Raises:
        redis.RedisError: Redis does not answer. No row was deleted.
        ForeignDataSet: The data in Redis belongs to another site. Nothing was deleted.
        RuntimeError: The caller is in a transaction.
    """
    rows = 0
    with database.write():
        lock_cursors()
        for model in apps.get_app_config("djinsight").get_models():
            rows += database.rows(model).all().delete()[0]
        keys = inventory.delete_all()  # under the lock, so that no worker writes pending views afterwards
    return rows, keys
