"""Deleted objects whose statistics are still to go: noted in Redis while a worker has the cursors, for its next run.

A note that Redis loses is made up for by the next view of the object, or by the cleanup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from djinsight.counting import connections
from djinsight.counting.keys import Keys, by_shard
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef

MAX_NOTED = 1000  # objects a run takes


def note(refs: Iterable[ObjectRef]) -> None:
    """Leave ``refs`` to persist. Raises redis.RedisError."""
    for shard, group in by_shard(refs).items():
        connections.sync_client(shard).sadd(Keys(shard).deleted, *map(str, group))


def noted(shard: int) -> list[ObjectRef]:
    """Return some of the noted refs of ``shard``, at most ``MAX_NOTED``. Raises redis.RedisError."""
    client, name = connections.sync_client(shard), Keys(shard).deleted
    if client.type(name) not in {b"set", b"none"}:
        client.delete(name)  # somebody has written over it
    found: list[ObjectRef] = []
    for each in client.srandmember(name, MAX_NOTED):
        try:
            found.append(ObjectRef.parse(each.decode(errors="replace")))
        except InvalidRef:
            client.srem(name, each)
    return found


def drop(shard: int, refs: Sequence[ObjectRef]) -> None:
    """Take ``refs``, which are dealt with, off the notes. Raises redis.RedisError."""
    if refs:
        connections.sync_client(shard).srem(Keys(shard).deleted, *map(str, refs))
