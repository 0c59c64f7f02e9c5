"""Counted views: views that are counted without a socket, for tests of the steps after counting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count as numbers
from typing import Any

from djinsight import days
from djinsight.beacons.beacon import Beacon
from djinsight.beacons.visitors import Visitor
from djinsight.counting import clock, connections, scripts
from djinsight.counting.calls import Call
from djinsight.counting.entries import View
from djinsight.counting.keys import shard_of
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import BROWSER, view_id

_ids = numbers(1_000_000)


def view(ref: ObjectRef, visitor: str = "", *, id: str = "", url: str = "/") -> View:
    """Return a view with a new id; ``visitor`` is any string."""
    key = f"{visitor or 'someone':_>22}"
    return View(Beacon(id or view_id(next(_ids)), ref, url), Visitor(key, "192.0.2.0", BROWSER, False))


def count(views: Iterable[View]) -> list[int]:
    """Count ``views`` as the recorder does, and return the script's codes."""
    codes: list[int] = []
    for each in views:
        codes += count_together([each])[0]
    return codes


def count_together(views: Sequence[View], client: Any = None, moment: days.Moment | None = None) -> Any:
    """Count ``views``, all of one shard, in one call, and return the script's reply."""
    shard = shard_of(views[0].beacon.ref)
    for _ in range(clock.TRIES):
        call = Call(shard, views, moment)
        reply = scripts.count_views.call(client or connections.sync_client(shard), call.keys, call.args)
        if clock.agrees(reply):
            return reply
    raise clock.unsteady()


def count_views(ref: ObjectRef, number: int, visitors: int = 1) -> None:
    """Count ``number`` views of ``ref``, by ``visitors`` visitors in rotation."""
    count(view(ref, f"visitor-{n % visitors}") for n in range(number))
