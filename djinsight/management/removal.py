"""Starting over: everything that was counted goes, from the tables and from Redis."""

from __future__ import annotations

from django.apps import apps

from djinsight import database
from djinsight.doctor import inventory
from djinsight.history.cursors import lock_cursors


def remove_all() -> tuple[int, int]:
    """Delete all rows of our tables and all keys in Redis; return how many of each.

    Workers wait meanwhile. What is counted afterwards is the first that is counted.

    Raises:
        redis.RedisError: Redis does not answer: no row was deleted.
        ForeignDataSet: What it has is another site's: nothing was deleted.
        RuntimeError: The caller is in a transaction.
    """
    rows = 0
    with database.write():
        lock_cursors()
        for model in apps.get_app_config("djinsight").get_models():
            rows += database.rows(model).all().delete()[0]
        keys = inventory.delete_all()  # behind the lock: what is pending is not written any more
    return rows, keys
