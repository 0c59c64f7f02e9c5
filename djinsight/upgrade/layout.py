"""The older layout: the keys that djinsight 0.x has left in Redis, told apart from ours.

Under its prefix, ``djinsight:pageview:`` where the site had not set another one, it kept

- ``<uuid>``, a text: one view as a JSON object of ``content_type`` ("blog.article"), ``object_id`` (up to 0.1:
  ``page_id``), ``url``, ``referrer``, ``user_agent``, ``ip_address``, ``session_key``, ``timestamp`` (Unix s) and
  ``is_unique``. It expired after a week, or was deleted when a worker had written it to the database;
- ``counter:<model>:<pk>`` and ``unique_counter:<model>:<pk>``, integers that never expire: all views, those of the
  records included. Up to 0.1 also ``counter:<pk>`` and ``unique_counter:<pk>``, the sum over all models;
- ``session:<session key>:page:<model>:<pk>``, up to 0.1 ``session:<session key>:page:<pk>``: a mark that this session
  has seen the object, which expired after a week.
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

PREFIX = "pageview:"  # what the older package put behind our prefix

_LABEL = r"(?:(?P<label>[a-z_][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*):)?"
_SHAPE = re.compile(
    rf":?(?P<prefix>{PREFIX})?(?:"
    r"(?P<record>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    rf"|(?:(?P<counter>(?:unique_)?counter)|session:(?P<session>[^:]+):page):{_LABEL}(?P<pk>[0-9]{{1,18}})"
    r")"
)


class Kind(StrEnum):
    """What a key of the older layout holds."""

    RECORD = "record"
    COUNTER = "counter"
    UNIQUE_COUNTER = "unique_counter"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class OlderKey:
    """One key, read. ``label`` is ``""`` where it names no model, ``pk`` and ``label`` are ``""`` for a record."""

    name: str
    kind: Kind
    label: str = ""
    pk: str = ""
    session: str = ""
    # Under the prefix that is ours now, a counter with its model has the same name in both layouts.
    shared: bool = False


def parse(name: str) -> OlderKey | None:
    """Read a key below our prefix; None where it is none of the older layout."""
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
    """Those of ``names`` that are of the older layout."""
    keys = [key for key in map(parse, names) if key is not None]
    shared = [key for key in keys if key.shared]
    # Beside a counter of ours there is always the hash of when its object was viewed.
    viewed = servers.replies(
        shard, "exists", [(f"{conf.redis_key_prefix}viewed:{key.label}:{key.pk}",) for key in shared]
    )
    ours = {key.name for key, exists in zip(shared, viewed, strict=True) if exists}
    return [key for key in keys if key.name not in ours]


def with_counter(shard: int, refs: Iterable[ObjectRef]) -> set[ObjectRef]:
    """Those of ``refs`` that have an older counter under the name that is ours now."""
    by_name = {f"{conf.redis_key_prefix}counter:{ref}": ref for ref in refs}
    names = [key.name for key in among(shard, list(by_name)) if key.shared]
    there = servers.replies(shard, "exists", [(name,) for name in names])
    return {by_name[name] for name, exists in zip(names, there, strict=True) if exists}


def take_sessions(shard: int, marks: Sequence[tuple[OlderKey, ObjectRef]]) -> int:
    """Let the visitors of these sessions be known, and delete the marks; returns how many.

    Whatever is done twice changes nothing: a mark never replaces what we know of the visitor ourselves.
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
    """The visitor whose session it is, as a handshake with its cookie gives it."""
    return visitors.of_session(session_key)
