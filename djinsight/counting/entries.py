"""Entries: what the stream holds of one counted view, written by the recorder and read by persist."""

from __future__ import annotations

import json
from dataclasses import dataclass

from djinsight.beacons.beacon import Beacon
from djinsight.beacons.visitors import Visitor


@dataclass(frozen=True, slots=True)
class View:
    """A beacon and who sent it: what is counted."""

    beacon: Beacon
    visitor: Visitor


@dataclass(frozen=True, slots=True)
class Detail:
    """The part of an entry that the counting script does not look into."""

    view_id: str
    visitor: str
    url: str
    referrer: str
    user_agent: str
    ip_address: str


def encode(view: View) -> str:
    """The payload of a view: a JSON list, as short as the stream's memory wants it."""
    beacon, visitor = view.beacon, view.visitor
    return _ENCODER.encode(
        [beacon.view_id, visitor.key, beacon.url, beacon.referrer, visitor.user_agent, visitor.ip_address]
    )


def decode(payload: str) -> Detail:
    """The inverse of ``encode``. Raises ValueError for anything else."""
    fields = json.loads(payload)
    if type(fields) is not list or len(fields) != 6 or not all(type(field) is str for field in fields):
        raise ValueError("expected a list of six texts")
    return Detail(*fields)


# One encoder for all: json.dumps with options builds one a call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
