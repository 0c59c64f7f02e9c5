"""Every key, stream and group name in Redis."""

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
    viewed: str  # hash: first, last (Unix ms), number of the last day counted, epoch they belong to


class Keys:
    """The names on one shard. With several shards each carries the hash tag ``{k}``: all of it is in one hash slot."""

    def __init__(self, shard: int) -> None:
        tag = f"{{{shard}}}:" if conf.redis_shards > 1 else ""
        self.prefix = f"{conf.redis_key_prefix}{tag}"
        self.events = f"{self.prefix}events"  # stream: counted views, until persisted
        # Hash: epoch, seq (last number given), trimmed (last one persisted), shed_from; whose data set it is.
        self.meta = f"{self.prefix}meta"
        self.shed = f"{self.prefix}shed"  # hash: views counted while the stream was full, by object and day
        # With ":<number>" or ":block:<number>" behind it: sums over stretches. Each set of metrics has sums of its own.
        self.pending = f"{self.prefix}pending" + "".join(f".{metric.name}" for metric in MORE)
        self.deleted = f"{self.prefix}deleted"  # set: refs of deleted objects whose statistics persist is to delete
        self.refused = f"{self.prefix}refused"  # hash: refusals by day and reason; on the first shard
        self.refused_moving = f"{self.prefix}refused:moving"  # hash: those on their way into the database

    def of_trial(self) -> list[str]:
        """Keys on which the doctor tries commands, and which it deletes."""
        return [f"{self.prefix}doctor:{n}" for n in range(6)]

    def of_ref(self, ref: ObjectRef, day: str) -> RefKeys:
        """The keys of ``ref``; ``day`` is ``yyyymmdd``."""
        return _of_ref(self.prefix, ref, day)

    def of_visitor(self, visitor: str) -> str:
        """Hash: the objects this visitor has seen, each with the number of the day it was last seen."""
        return f"{self.prefix}session:{visitor}"

    def of_rate(self, of: str) -> str:
        """Integer: the moment (µs) up to which the views of a visitor or a network are paid for. Lives for seconds."""
        return f"{self.prefix}rate:{of}"

    def of_object_rate(self, ref: ObjectRef) -> str:
        """Integer, as above: of the views of one object."""
        return self.of_rate(f"object:{ref}")

    def of_site_rate(self) -> str:
        """Integer, as above: of all views on this shard."""
        return self.of_rate("site")

    def of_new_visitors(self, network: str) -> str:
        """Integer, as above: of the visitors of a network that were not known before. Lives for ten minutes."""
        return self.of_rate(f"new:{network}")

    def view_ids(self, bucket: int) -> str:
        """Set: the ids of the views that came in one stretch of time."""
        return f"{self.prefix}ids:{bucket}"


# Few objects get most of the views: the four texts cost 3 us, the look-up 0.3. As many as there are tokens remembered.
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
    """Return the pattern of SCAN that stands for ``text``."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def shard_of(ref: ObjectRef) -> int:
    """The shard that ``ref`` lives on."""
    shards = conf.redis_shards
    return crc32(ref.encode()) % shards if shards > 1 else 0


def by_shard(refs: Iterable[ObjectRef]) -> dict[int, list[ObjectRef]]:
    """``refs`` by the shard they live on."""
    if conf.redis_shards == 1:
        found = list(refs)
        return {0: found} if found else {}
    shards: dict[int, list[ObjectRef]] = {}
    for ref in refs:
        shards.setdefault(shard_of(ref), []).append(ref)
    return shards


def group_name(site: str) -> str:
    """Return the channel layer's group of a site: a hash, as group names allow few characters and 100 of them.

    Redis broadcasts to all of its databases. A site's random id makes its group known to nobody else.
    """
    name = f"{conf.redis_key_prefix}\0{site}".encode()
    return "djinsight." + hashlib.blake2b(name, digest_size=16).hexdigest()
