"""Frames from server to client, and the close codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from djinsight.beacons import ids
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import Reason
from djinsight.live import frames
from djinsight.live.frames import CloseCode
from djinsight.tracked.refs import ObjectRef

SNAPSHOTS = [
    Snapshot(ObjectRef("blog", "article", "5"), 12, 7, 3, 1_772_319_600_000, 1_772_319_600_123, 20_513),
    Snapshot(ObjectRef("blog", "term", 'é "語" \\ </script> 🙂'), 0, 0, 0, None, None, 20_513),
]

FRAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "counted": (
        frames.counted("view-0123456789a", False),
        {"type": "counted", "id": "view-0123456789a", "unique": False},
    ),
    "counted, unique": (
        frames.counted("-_" * 18, True),
        {"type": "counted", "id": "-_" * 18, "unique": True},
    ),
    "visitor": (
        frames.visitor("c2VjcmV0-_.c2ln", ids.MAX_AGE),
        {"type": "visitor", "visitor": "c2VjcmV0-_.c2ln", "max_age": 31_536_000},
    ),
    "ping": (frames.ping(3), {"type": "ping", "n": 3}),
    "counters": (
        frames.counters(map(frames.counter, SNAPSHOTS)),
        {"type": "counters", "counters": [each.as_counter() for each in SNAPSHOTS]},
    ),
    "counters of nothing": (frames.counters([]), {"type": "counters", "counters": []}),
    **{
        f"rejected, {reason}": (
            frames.rejected("view-0123456789a", reason),
            {"type": "rejected", "id": "view-0123456789a", "reason": reason.value},
        )
        for reason in Reason
    },
    **{f"error, {reason}": (frames.error(reason), {"type": "error", "reason": reason.value}) for reason in Reason},
}


@pytest.mark.parametrize(("text", "frame"), FRAMES.values(), ids=FRAMES)
def test_frame(text: str, frame: dict[str, Any]) -> None:
    assert json.loads(text) == frame


@pytest.mark.parametrize(("text", "frame"), FRAMES.values(), ids=FRAMES)
def test_as_short_as_json_can_be(text: str, frame: dict[str, Any]) -> None:
    assert text == json.dumps(json.loads(text), separators=(",", ":"))
    assert text.isascii()


def test_close_codes() -> None:
    """No number may change, because djinsight.js decides by it whether to reconnect."""
    assert {code.name: code.value for code in CloseCode} == {
        "MISUSE": 4400,
        "FLOOD": 4401,
        "EXPIRED": 4402,
        "NO_PONG": 4500,
        "SLOW": 4501,
    }


@pytest.mark.parametrize("code", CloseCode)
def test_a_close_code_says_whether_to_connect_again(code: CloseCode) -> None:
    """4400-4499: do not reconnect. 4500-4599: reconnect later."""
    assert code // 100 in {44, 45}
