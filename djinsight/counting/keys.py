"""Keys: every name in Redis, of keys, the stream and the channel layer's group."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from djinsight.conf import conf
from djinsight.metrics import MORE
from djinsight.tracked.refs import ObjectRef


class RefKeys(NamedTuple):
    """The keys of one object, in the order in which every script takes them."""

    counter: str  # integer: total views
    unique_counter: str  # integer: unique visitors
    day: str  # integer: views today
    viewed: str  # hash: first, last (Unix ms), day (number of the last day counted), epoch of these


class Keys:
    """The names on one shard. With several shards each name has the hash tag ``{k}``, so that one slot has all."""

    def __init__(self, shard: int) -> None:
        tag = f"{{{shard}}}:" if conf.redis_shards > 1 else ""
        self.prefix = f"{conf.redis_key_prefix}{tag}"
        self.events = f"{self.prefix}events"  # stream: counted views, until persisted
        # Hash: epoch, seq (number of the last entry), trimmed (number of the last persisted one), shed_from, and the
        # site that the data set belongs to.
        self.meta = f"{self.prefix}meta"
        self.shed = f"{self.prefix}shed"  # hash: sums of views counted while the stream was full, by object and day
        # The start of the names of segments (":<number>" follows) and blocks (":block:<number>"), which are sums over
        # parts of the stream. Each set of metrics has sums of its own.
        self.pending = f"{self.prefix}pending" + "".join(f".{metric.name}" for metric in MORE)
        self.deleted = f"{self.prefix}deleted"  # set: refs of deleted objects; persist deletes their statistics
        self.refused = f"{self.prefix}refused"  # hash: refusals by day and reason; on the first shard
        self.refused_moving = f"{self.prefix}refused:moving"  # hash: the batch of them that is being persisted

    def of_trial(self) -> list[str]:
        """Return the keys on which the doctor tries commands; it deletes them afterwards."""
        return [f"{self.prefix}doctor:{n}" for n in range(6)]

    def of_ref(self, ref: ObjectRef, day: str) -> RefKeys:
        """Return the keys of ``ref``; ``day`` is ``yyyymmdd``."""
        return _of_ref(self.prefix, ref, day)

    def of_visitor(self, visitor: str) -> str:
        """Return the key of a hash: the objects that this visitor has seen, and the number of the last day of each."""
        return f"{self.prefix}session:{visitor}"

    def of_rate(self, of: str) -> str:
        """Return the key of the rate limit of a visitor or network.

        It holds an integer that expires after seconds: the moment (µs) up to which its views are accounted for.
        """
        return f"{self.prefix}rate:{of}"

    def of_object_rate(self, ref: ObjectRef) -> str:
        """Return the key of the rate limit of an object, an integer as of ``of_rate``."""
        return self.of_rate(f"object:{ref}")

    def of_site_rate(self) -> str:
        """Return the key of the rate limit of all views on this shard, an integer as of ``of_rate``."""
        return self.of_rate("site")

    def of_new_visitors(self, network: str) -> str:
        """Return the key of the rate limit of a network's new visitors, an integer that lives for ten minutes."""
        return self.of_rate(f"new:{network}")

    def view_ids(self, bucket: int) -> str:
        """Return the key of a set: the ids of the views that came in one interval, the one with number ``bucket``."""
        return f"{self.prefix}ids:{bucket}"


# Few objects get most of the views: making the four strings takes 3 us, the cache 0.3. As large as that of tokens.
@lru_cache(maxsize=8192)
def _of_ref(prefix: str, ref: ObjectRef, day: str) -> RefKeys:
    return RefKeys(
        f"{prefix}counter:{ref}",
        f"{prefix}unique_counter:{ref}",
        f"{prefix}day:{day}:{ref}",
        f"{prefix}viewed:{ref}",
    )


def more_fields() -> list[str]:
    """Return the fields of ``viewed`` that hold the further metrics, in their order."""
    return [f"more:{metric.name}" for metric in MORE]


def escaped(text: str) -> str:
    """Return the pattern of SCAN that matches exactly ``text``."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def shard_of(ref: ObjectRef) -> int:
    """Return the shard that ``ref`` lives on."""
    shards = conf.redis_shards
    return crc32(ref.encode()) % shards if shards > 1 else 0


def by_shard(refs: Iterable[ObjectRef]) -> dict[int, list[ObjectRef]]:
    """Return ``refs`` grouped by the shard that they live on."""
    if conf.redis_shards == 1:
        found = list(refs)
        return {0: found} if found else {}
    shards: dict[int, list[ObjectRef]] = {}
    for ref in refs:
        shards.setdefault(shard_of(ref), []).append(ref)
    return shards


def group_name(site: str) -> str:
    """Return the channel layer's group of a site.

    Redis broadcasts to all of its databases, so that the name has to be one that no other site uses: it is made from
    the site's random id. It is a hash, because a group's name may have at most 100 characters of a small set.
    """
    name = f"{conf.redis_key_prefix}\0{site}".encode()
    return "djinsight." + hashlib.blake2b(name, digest_size=16).hexdigest()
