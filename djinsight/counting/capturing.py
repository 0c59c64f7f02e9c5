"""Capturing: keeps views for a site's own tests, in place of counting them."""

from __future__ import annotations

from typing import NamedTuple

from djinsight.counting.entries import View
from djinsight.tracked.refs import ObjectRef


class CapturedView(NamedTuple):
    """A view that reached the server.

    Attributes:
        ref: The object, as ``app_label.model_name:pk``.
        url: The address of the page.
        referrer: The address that the visitor came from.
        visitor: The keyed hash of the visitor.
        unique: True if it is the visitor's first view of the object in this capture.
    """

    ref: str
    url: str
    referrer: str
    visitor: str
    unique: bool


class Captured(list[CapturedView]):
    """The captured views, in their order. ``rendered`` lists the objects whose tracker was rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[str] = []

    def take(self, view: View) -> bool:
        """Keep ``view``; return whether it is its visitor's first view of the object in this capture."""
        beacon, visitor = view
        unique = not any((each.ref, each.visitor) == (beacon.ref, visitor.key) for each in self)
        self.append(CapturedView(str(beacon.ref), beacon.url, beacon.referrer, visitor.key, unique))
        return unique


# One list for the process, because Django's test client runs an async view in another thread. Innermost last.
captures: list[Captured] = []


def rendered(ref: ObjectRef) -> None:
    """Note that a tracker of ``ref`` was rendered, if a capture is open."""
    if captures:
        captures[-1].rendered.append(str(ref))
