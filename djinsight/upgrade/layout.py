"""The older layout: recognise the keys that djinsight 0.x left in Redis.

Under its prefix, by default ``djinsight:pageview:``, version 0.x kept

- ``<uuid>``, a string: a record of one view, a JSON object of ``content_type`` ("blog.article"), ``object_id`` (up to
  0.1: ``page_id``), ``url``, ``referrer``, ``user_agent``, ``ip_address``, ``session_key``, ``timestamp`` (Unix s) and
  ``is_unique``. It expired after a week, or was deleted when a worker had written it to the database;
- ``counter:<model>:<pk>`` and ``unique_counter:<model>:<pk>``, integers that never expire: the number of all views,
  including those with a record. Up to 0.1 also ``counter:<pk>`` and ``unique_counter:<pk>``, the sum over all models;
- ``session:<session key>:page:<model>:<pk>``, up to 0.1 ``session:<session key>:page:<pk>``: a mark that this session
  has seen the object. It expired after a week.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from djinsight import days
from djinsight.beacons import visitors
from djinsight.conf import conf
from djinsight.counting import connections, servers
from djinsight.counting.calls import MAX_SEEN
from djinsight.counting.keys import Keys, shard_of
from djinsight.tracked.refs import ObjectRef

PREFIX = "pageview:"  # the older default prefix was ours, followed by this

_LABEL = r"(?:(?P<label>[a-z_][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*):)?"
_SHAPE = re.compile(
    rf":?(?P<prefix>{PREFIX})?(?:"
    r"(?P<record>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    rf"|(?:(?P<counter>(?:unique_)?counter)|session:(?P<session>[^:]+):page):{_LABEL}(?P<pk>[0-9]{{1,18}})"
    r")"
)


class Kind(StrEnum):
    """The kind of data under a key of the older layout."""

    RECORD = "record"
    COUNTER = "counter"
    UNIQUE_COUNTER = "unique_counter"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class OlderKey:
    """One parsed key of the older layout.

    Attributes:
        name: The whole key.
        kind: The kind of its data.
        label: The model, such as ``blog.article``; ``""`` if the key names none, as records do.
        pk: The primary key of the object, ``""`` for a record.
        session: The session key of a mark, else ``""``.
        shared: True if a key of this version could have the same name, as for a counter with its model under the
            same prefix.
    """

    name: str
    kind: Kind
    label: str = ""
    pk: str = ""
    session: str = ""
    shared: bool = False


def parse(name: str) -> OlderKey | None:
    """Parse the name of a key; return None if it is no key of the older layout below our prefix."""
    if not name.startswith(conf.redis_key_prefix):
        return None
    found = _SHAPE.fullmatch(name, len(conf.redis_key_prefix))
    if found is None:
        return None
    label, pk = found["label"] or "", found["pk"] or ""
    if found["record"]:
        return OlderKey(name, Kind.RECORD)
    if found["session"]:
        return OlderKey(name, Kind.SESSION, label, pk, found["session"])
    shared = bool(label) and found.start("counter") == len(conf.redis_key_prefix)
    return OlderKey(name, Kind(found["counter"]), label, pk, shared=shared)


def among(shard: int, names: Sequence[str]) -> list[OlderKey]:
    """Return the keys in ``names`` that are of the older layout."""
    keys = [key for key in map(parse, names) if key is not None]
    shared = [key for key in keys if key.shared]
    # Beside a counter of this version there always is a viewed: key.
    viewed = servers.replies(
        shard, "exists", [(f"{conf.redis_key_prefix}viewed:{key.label}:{key.pk}",) for key in shared]
    )
    ours = {key.name for key, exists in zip(shared, viewed, strict=True) if exists}
    return [key for key in keys if key.name not in ours]


def with_counter(shard: int, refs: Iterable[ObjectRef]) -> set[ObjectRef]:
    """Return the objects in ``refs`` that have an older counter under a name that this version uses, too."""
    by_name = {f"{conf.redis_key_prefix}counter:{ref}": ref for ref in refs}
    names = [key.name for key in among(shard, list(by_name)) if key.shared]
    there = servers.replies(shard, "exists", [(name,) for name in names])
    return {by_name[name] for name, exists in zip(names, there, strict=True) if exists}


def take_sessions(shard: int, marks: Sequence[tuple[OlderKey, ObjectRef]]) -> int:
    """Turn the marks of sessions into known visitors, delete them, and return how many they were.

    A retry is safe, because a mark never replaces an entry of the visitor that exists.
    """
    lives = servers.replies(shard, "ttl", [(key.name,) for key, _ in marks])
    today = days.now()
    for (key, ref), life in zip(marks, lives, strict=True):
        life = life if 0 < life <= conf.redis_expiration else conf.redis_expiration
        seen = days.at(today.ms - (conf.redis_expiration - life) * 1000).number
        own = connections.sync_client(shard_of(ref))
        session = Keys(shard_of(ref)).of_visitor(visitor_of(key.session))
        if own.hlen(session) < MAX_SEEN:
            own.hsetnx(session, str(ref), seen)
        if own.ttl(session) < life:
            own.expire(session, life)
    if marks:
        connections.sync_client(shard).delete(*(key.name for key, _ in marks))
    return len(marks)


def visitor_of(session_key: str) -> str:
    """Return the key of the visitor with this session, as computed for a handshake with its cookie."""
    return visitors.of_session(session_key)
