"""Entries: what the recorder writes is what persist reads."""

from __future__ import annotations

import json

import pytest

from djinsight.beacons.beacon import Beacon
from djinsight.beacons.refs import ObjectRef
from djinsight.beacons.visitors import Visitor
from djinsight.counting import entries
from djinsight.counting.entries import Detail, View

REF = ObjectRef("blog", "article", "5")


@pytest.mark.parametrize(
    "detail",
    [
        Detail("view-0123456789a", "0123456789abcdef012345", "/a", "https://b/", "Mozilla/5.0", "192.0.2.0"),
        Detail("view-0123456789a", "0123456789abcdef012345", "", "", "", ""),
        Detail("x" * 36, "f" * 22, "/\"\\',[]{}", "</script>", "é 語 🙂", "2001:db8::"),
    ],
    ids=["usual", "little", "any text"],
)
def test_round_trip(detail: Detail) -> None:
    view = View(
        Beacon(detail.view_id, REF, detail.url, detail.referrer),
        Visitor(detail.visitor, detail.ip_address, detail.user_agent, crawler=False),
    )
    payload = entries.encode(view)
    assert entries.decode(payload) == detail
    assert payload.encode().decode() == payload


def test_short() -> None:
    """The stream is in memory: no spaces, no names, letters as they are."""
    view = View(Beacon("view-0123456789a", REF, "/é"), Visitor("k", "", "x", crawler=False))
    assert entries.encode(view) == '["view-0123456789a","k","/é","","x",""]'


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "nothing",
        "null",
        "{}",
        "[]",
        json.dumps(["x"] * 5),
        json.dumps(["x"] * 7),
        json.dumps(["x", "x", "x", "x", "x", None]),
        json.dumps([1, "x", "x", "x", "x", "x"]),
        json.dumps([["x"], "x", "x", "x", "x", "x"]),
        json.dumps(dict.fromkeys("abcdef", "x")),
        json.dumps("abcdef"),
    ],
)
def test_another_payload(payload: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        entries.decode(payload)
