"""Counted: the objects that Redis has counters of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from djinsight.counting import connections
from djinsight.counting.keys import Keys, escaped
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef

SCAN = 1000  # keys a step of the scan, and objects a batch

_ANY = ObjectRef("any", "any", "any")


def refs(shard: int) -> Iterator[list[ObjectRef]]:
    """Yield the objects of ``shard`` whose counters Redis has, ``SCAN`` at once. Raises redis.RedisError."""
    start = Keys(shard).of_ref(_ANY, "").counter.removesuffix(_ANY)
    pattern = escaped(start) + "*"
    found = _refs(start, connections.sync_client(shard).scan_iter(match=pattern, count=SCAN))
    while batch := list(islice(found, SCAN)):
        yield batch


def _refs(start: str, names: Iterator[bytes]) -> Iterator[ObjectRef]:
    for name in names:
        with suppress(InvalidRef, UnicodeDecodeError):  # somebody else's key
            yield ObjectRef.parse(name.decode()[len(start) :])
