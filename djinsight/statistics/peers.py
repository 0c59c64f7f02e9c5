"""Peers: instances that one query has made. Their numbers are read together, when the first of them is asked for one.

A number that was read together serves its instance for ``FRESH`` seconds at most, and once: the second time that an
attribute of an instance is read, all are read again. So a list costs one round trip for each time that it shows an
attribute, and an instance that a long-lived process keeps tells the number of now.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Any

from django.db import models

from djinsight.counting import live_numbers
from djinsight.counting.snapshot import Snapshot
from djinsight.statistics import periods
from djinsight.statistics.periods import Views
from djinsight.tracked.refs import ObjectRef, ref_of_saved

FRESH = 1.0  # seconds in which a number that was read together may be shown
MAX_TOGETHER = 1000  # instances of one query that are read together
MAX_REPEATS = 8  # reads of one attribute of one instance; past it the instance is polled, and read alone
MAX_QUERIES = 16  # queries whose rows are being made into instances

_ATTRIBUTE = "djinsight_peers"  # of an instance's ``_state``
_TRACKS = "djinsight_tracks"  # marks a ``from_db`` that this module has made


class Known:
    """The numbers of one object, as they were read at ``at`` for the ``generation``-th read of an attribute."""

    __slots__ = ("at", "generation", "snapshot", "views")

    def __init__(self, snapshot: Snapshot, at: float, generation: int) -> None:
        self.snapshot = snapshot
        self.at = at
        self.generation = generation
        self.views: Views | None = None


class Peers(list["weakref.ref[models.Model]"]):
    """The instances of one query, which it does not keep alive, and what was read for them."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[ObjectRef, Known] = {}
        self._reads: dict[tuple[ObjectRef, str], int] = {}
        self._seen = 0  # how many of the instances were looked at

    def __reduce__(self) -> tuple[type[Peers], tuple[()]]:
        """Leave an instance alone that was copied or pickled."""
        return Peers, ()

    def know(self, ref: ObjectRef, attribute: str) -> Known:
        """Return numbers of ``ref`` that were not yet shown as its ``attribute``, with those of the peers."""
        now, read = time.monotonic(), self._reads.get((ref, attribute), 0)
        known = self._known.get(ref)
        if known is None or known.generation <= read or now - known.at >= FRESH:
            generation = max(read + 1, known.generation if known else 0)
            for each, snapshot in live_numbers.read(self._together(ref, known, read)).items():
                self._known[each] = Known(snapshot, now, generation)
            known = self._known[ref]
        self._reads[ref, attribute] = read + 1
        return known

    def views(self, ref: ObjectRef, attribute: str) -> Views:
        """Return the views of ``ref`` by period, with those of the peers."""
        known = self.know(ref, attribute)
        if known.views is None:
            alike = {each: other for each, other in self._known.items() if other.at == known.at}
            for each, views in periods.read({each: other.snapshot for each, other in alike.items()}).items():
                alike[each].views = views
        return known.views or Views()

    def _together(self, ref: ObjectRef, known: Known | None, read: int) -> Sequence[ObjectRef]:
        """Return the refs to read with ``ref``: of new instances only, if it is new itself."""
        if read >= MAX_REPEATS:
            return [ref]
        since = self._seen if known is None else 0
        self._seen = len(self)
        alive = (each() for each in self[since:])
        refs = (ref_of_saved(instance) for instance in alive if instance is not None)
        return [ref, *(each for each in refs if each is not None)]


def snapshot(instance: Any, attribute: str) -> Snapshot | None:
    """Return the live numbers of ``instance`` for its ``attribute``, or None if it is not saved."""
    ref = ref_of_saved(instance)
    if ref is None:
        return None
    peers = _peers_of(instance)
    return live_numbers.read([ref])[ref] if peers is None else peers.know(ref, attribute).snapshot


def views(instance: Any, attribute: str) -> Views:
    """Return the views of ``instance`` in this week and month for its ``attribute``; zeros if it is not saved."""
    ref = ref_of_saved(instance)
    if ref is None:
        return Views()
    peers = _peers_of(instance)
    return periods.read(live_numbers.read([ref]))[ref] if peers is None else peers.views(ref, attribute)


def _peers_of(instance: Any) -> Peers | None:
    """Return the peers of ``instance``, or None if it is alone."""
    peers: Peers | None = getattr(instance._state, _ATTRIBUTE, None)
    return None if peers is None or len(peers) < 2 else peers


def track(model: Any) -> None:
    """Let the instances that queries make of ``model`` know their peers.

    ``from_db()`` is what Django's documentation has for it. A query hands the list of its columns to each call of it,
    so that list tells the instances of one query from those of another; 0.4 us an instance.
    """
    original = getattr(model.from_db, "__func__", None)
    if original is None or hasattr(original, _TRACKS):
        return  # no class method, or that of a parent

    def from_db(cls: Any, db: Any, field_names: Any, values: Any, fetch_mode: Any = None) -> Any:
        if fetch_mode is None:
            made = original(cls, db, field_names, values)
        else:  # Django 6.1 and later
            made = original(cls, db, field_names, values, fetch_mode=fetch_mode)
        try:
            peers = _queries[id(field_names)][1]
        except KeyError:
            peers = _begin(field_names)
        if len(peers) >= MAX_TOGETHER:
            peers = _begin(field_names)
        peers.append(weakref.ref(made))
        made._state.djinsight_peers = peers
        return made

    setattr(from_db, _TRACKS, True)
    from_db.__doc__ = original.__doc__
    model.from_db = classmethod(from_db)


def _begin(field_names: Any) -> Peers:
    if len(_queries) >= MAX_QUERIES:
        _queries.clear()
    peers = Peers()
    _queries[id(field_names)] = field_names, peers
    return peers


# By the identity of a query's list of columns, and with it, so that no other list gets its id.
_queries: dict[int, tuple[Any, Peers]] = {}
