"""The inventory: the keys in Redis by kind, the memory that they take, and the values of the counters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from djinsight.conf import conf
from djinsight.counting import connections, servers, sites
from djinsight.counting.keys import Keys
from djinsight.exceptions import InvalidRef
from djinsight.tracked.refs import ObjectRef
from djinsight.upgrade import layout

KINDS = {
    "counter:": "total views",
    "unique_counter:": "unique views",
    "day:": "views of a day",
    "viewed:": "times of views",
    "session:": "visitors",
    "ids:": "view ids",
    "rate:": "rate limits",
    "refused": "refusals",
    "events": "stream of pending views",
    "pending": "sums of pending views",
    "deleted": "deleted objects whose statistics are still to be deleted",
    "meta": "state of the stream",
    "shed": "views counted while the stream was full",
}
OLDER = {
    layout.Kind.COUNTER: "older layout: total views",
    layout.Kind.UNIQUE_COUNTER: "older layout: unique views",
    layout.Kind.RECORD: "older layout: records of views",
    layout.Kind.SESSION: "older layout: sessions",
}
OTHER = "not known"

_TAG = re.compile(r"\{\d+\}:")


@dataclass(slots=True)
class Kind:
    """The number of keys of one kind, and their memory in bytes."""

    keys: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Inventory:
    """All keys below the site's prefix, or the first ``keys`` of them if ``complete`` is False."""

    keys: int = 0
    complete: bool = True
    pending: int = 0  # stream entries
    shed: int = 0  # pending views whose detail was dropped
    kinds: dict[str, Kind] = field(default_factory=dict)
    views: dict[ObjectRef, int] = field(default_factory=dict)
    older_views: dict[tuple[str, str], int] = field(default_factory=dict)  # by model ("" if unnamed) and primary key


def take(limit: int) -> Inventory:
    """Return the inventory of at most ``limit`` keys, read a thousand at a time.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    found = Inventory()
    for shard in servers.shards():
        for names in servers.scan(shard):
            room = limit - found.keys
            found.complete = found.complete and len(names) <= room
            _add(found, shard, names[:room])
            if not found.complete:
                break
    # Version 0.1 counted each view twice, with the model and without it.
    for label, pk in [each for each in found.older_views if each[0]]:
        if found.older_views.get(("", pk)) == found.older_views[label, pk]:
            del found.older_views["", pk]
    for shard in range(conf.redis_shards):
        client, keys = connections.sync_client(shard), Keys(shard)
        found.pending += client.xlen(keys.events)
        counts = (kept.partition(b":")[0] for kept in client.hvals(keys.shed))
        found.shed += sum(int(views) for views in counts if views.isdigit())  # persist drops other values
    return found


def delete_all() -> int:
    """Delete all keys of the known kinds below the site's prefix, and return how many.

    Keys of other programs with the same prefix stay.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data belongs to another site, so nothing was deleted.
    """
    for shard in range(conf.redis_shards):
        sites.check(shard)
    deleted = 0
    for shard in servers.shards():
        client = connections.sync_client(shard)
        for names in servers.scan(shard):
            of_older = {key.name for key in layout.among(shard, names)}
            for name in names:
                if name in of_older or _kind(name) != OTHER:
                    deleted += client.unlink(name)
    sites.forget()
    return deleted


def _add(found: Inventory, shard: int, names: Sequence[str]) -> None:
    if not names:
        return
    sizes = servers.replies(shard, "memory_usage", [(name,) for name in names])
    of_older = {key.name: key for key in layout.among(shard, names)}
    counters: list[str] = []
    for name, size in zip(names, sizes, strict=True):
        if size is None:
            continue  # the key has expired since the scan
        key = of_older.get(name)
        label = OLDER[key.kind] if key else _kind(name)
        kind = found.kinds.setdefault(label, Kind())
        kind.keys += 1
        kind.bytes += size
        found.keys += 1
        if label in {KINDS["counter:"], OLDER[layout.Kind.COUNTER]}:
            counters.append(name)
    values = connections.sync_client(shard).mget(counters) if counters else []
    for name, value in zip(counters, values, strict=True):
        if value is None or not value.isdigit():
            continue
        key = of_older.get(name)
        if key:
            found.older_views[key.label.lower(), key.pk] = int(value)
        else:
            _add_counter(found, name, int(value))


def _add_counter(found: Inventory, name: str, views: int) -> None:
    with suppress(InvalidRef):  # a key of another program
        found.views[ObjectRef.parse(_below(name).removeprefix("counter:"))] = views


def _kind(name: str) -> str:
    below = _below(name)
    return next((label for start, label in KINDS.items() if below.startswith(start)), OTHER)


def _below(name: str) -> str:
    """Return the name of a key without the site's prefix and the hash tag of its shard."""
    return _TAG.sub("", name[len(conf.redis_key_prefix) :], count=1)
