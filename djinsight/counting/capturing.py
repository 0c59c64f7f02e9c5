"""Capturing: views that a site's own tests look at, in place of counting them."""

from __future__ import annotations

from typing import NamedTuple

from djinsight.counting.entries import View
from djinsight.tracked.refs import ObjectRef


class CapturedView(NamedTuple):
    """A view that reached the server: of which object, from where, by whom, and whether it is that visitor's first."""

    ref: str
    url: str
    referrer: str
    visitor: str
    unique: bool


class Captured(list[CapturedView]):
    """The views that were captured, in their order; ``rendered`` has the objects whose tracker was rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[str] = []

    def take(self, view: View) -> bool:
        """Keep ``view``; return whether its visitor has not seen the object before, in this capture."""
        beacon, visitor = view
        unique = not any((each.ref, each.visitor) == (beacon.ref, visitor.key) for each in self)
        self.append(CapturedView(str(beacon.ref), beacon.url, beacon.referrer, visitor.key, unique))
        return unique


# Of the process: Django's test client runs an async view in a thread of its own. The innermost is the last.
captures: list[Captured] = []


def rendered(ref: ObjectRef) -> None:
    """Keep that a tracker of ``ref`` was rendered."""
    if captures:
        captures[-1].rendered.append(str(ref))
