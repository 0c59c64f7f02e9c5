"""Counted objects: those that Redis has counters of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from djinsight.counting import connections
from djinsight.counting.keys import Keys, escaped
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef

SCAN = 1000  # keys in a step of the scan, and objects in a batch

_ANY = ObjectRef("any", "any", "any")


def refs(shard: int) -> Iterator[list[ObjectRef]]:
    """Yield the objects of ``shard`` whose counters Redis has, in batches of up to ``SCAN``.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    start = Keys(shard).of_ref(_ANY, "").counter.removesuffix(_ANY)
    pattern = escaped(start) + "*"
    found = _refs(start, connections.sync_client(shard).scan_iter(match=pattern, count=SCAN))
    while batch := list(islice(found, SCAN)):
        yield batch


def _refs(start: str, names: Iterator[bytes]) -> Iterator[ObjectRef]:
    for name in names:
        with suppress(InvalidRef, UnicodeDecodeError):  # another program's key
            yield ObjectRef.parse(name.decode()[len(start) :])
