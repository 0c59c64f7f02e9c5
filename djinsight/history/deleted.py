"""Deleted objects whose statistics are still there: noted in Redis for the next run of persist.

An object is noted if a worker has the cursors when the object is deleted. If Redis loses a note, the next view of the
object or the nightly cleanup deletes the statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from djinsight.counting import connections
from djinsight.counting.keys import Keys, by_shard
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef

MAX_NOTED = 1000  # objects that one run takes


def note(refs: Iterable[ObjectRef]) -> None:
    """Note ``refs`` for the next run of persist.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    for shard, group in by_shard(refs).items():
        connections.sync_client(shard).sadd(Keys(shard).deleted, *map(str, group))


def noted(shard: int) -> list[ObjectRef]:
    """Return some of the noted refs of ``shard``, at most ``MAX_NOTED``.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client, name = connections.sync_client(shard), Keys(shard).deleted
    if client.type(name) not in {b"set", b"none"}:
        client.delete(name)  # another program has written over it
    found: list[ObjectRef] = []
    for each in client.srandmember(name, MAX_NOTED):
        try:
            found.append(ObjectRef.parse(each.decode(errors="replace")))
        except InvalidRef:
            client.srem(name, each)
    return found


def drop(shard: int, refs: Sequence[ObjectRef]) -> None:
    """Delete the notes of ``refs``, whose statistics are deleted.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    if refs:
        connections.sync_client(shard).srem(Keys(shard).deleted, *map(str, refs))
