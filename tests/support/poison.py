"""Poison: entries of the stream that cannot be stored, by the reason."""

from __future__ import annotations

import json
from typing import Any

from djinsight.beacons.visitors import Visitor
from djinsight.counting import entries


def poison(*detail: str, ref: bytes | str = "blog.article:1", ms: int = 1, **visitor: str) -> dict[str, Any]:
    """Return an entry with that detail, as the recorder would write it."""
    who = {"key": "v", "ip_address": "", "user_agent": "", **visitor}
    packed = entries.encode_visitor(Visitor(**who, crawler=False))
    return {"s": 2, "r": ref, "u": 1, "t": ms, "v": packed, "d": json.dumps(["v", *detail])}


POISON: dict[str, dict[str, Any]] = {
    "no fields that we know": {"x": "y"},
    "no ref": {"s": 2, "u": 1, "t": 1, "v": "", "d": "[]"},
    "not a ref": poison("", "", ref="???"),
    "NUL in the ref": poison("", "", ref="blog.article:\0"),
    "not UTF-8": poison("", "", ref=b"blog.article:\xff"),
    "a model that is not installed": poison("", "", ref="gone.thing:5"),
    "no time": {"s": 2, "r": "blog.article:1", "u": 1, "v": "", "d": "[]"},
    "a time far away": poison("", "", ms=2**60),
    "no visitor": {"s": 2, "r": "blog.article:1", "u": 1, "t": 1, "d": '["v","",""]'},
    "garbage for a visitor": {"s": 2, "r": "blog.article:1", "u": 1, "t": 1, "v": "}{", "d": '["v","",""]'},
    "garbage for detail": {**poison(), "d": "}{"},
    "a short detail": poison(),
    "numbers in the detail": {**poison(), "d": "[1,2,3]"},
    "NUL in the url": poison("/\0", ""),
    "a lone surrogate": poison("/\ud800", ""),
    "10 kB of url": poison("/" + "x" * 10_000, ""),
    "a long visitor": poison("/", "", key="v" * 23),
    "NUL in the user agent": poison("/", "", user_agent="\0"),
    "not an address": poison("/", "", ip_address="there"),
    "an address of one link": poison("/", "", ip_address="fe80::1%eth0"),
    "deep nesting": {**poison(), "d": "[" * 20_000},
    "a sum of garbage": {"s": 2, "r": "blog.article:1", "t": 1, "n": "many", "q": 0, "w": 0},
    "a negative sum": {"s": 2, "r": "blog.article:1", "t": 1, "n": -5, "q": 0, "w": 0},
}
