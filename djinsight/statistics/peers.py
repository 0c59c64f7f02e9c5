"""Peers: instances that one query made. Their numbers are read together, when a number of the first one is read.

Each number serves one read of an attribute of its instance, for at most ``FRESH`` seconds. When the same attribute of
the instance is read again, the numbers of all peers are read again. So a list costs one round trip for each time that
it shows an attribute, and an instance that a long-lived process keeps shows the current number.
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

FRESH = 1.0  # seconds for which a number that was read together may be shown
MAX_TOGETHER = 1000  # instances of one query that are read together
MAX_REPEATS = 8  # reads of one attribute of one instance; with more, it is polled, and so read alone
MAX_QUERIES = 16  # queries that make instances at the same time

_ATTRIBUTE = "djinsight_peers"  # of an instance's ``_state``
_TRACKS = "djinsight_tracks"  # marks a ``from_db`` that this module has made


class Known:
    """The numbers of one object, read at the monotonic time ``at`` for the ``generation``-th read of an attribute."""

    __slots__ = ("at", "generation", "snapshot", "views")

    def __init__(self, snapshot: Snapshot, at: float, generation: int) -> None:
        self.snapshot = snapshot
        self.at = at
        self.generation = generation
        self.views: Views | None = None


class Peers(list["weakref.ref[models.Model]"]):
    """Weak references to the instances of one query, and the numbers that were read for them."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[ObjectRef, Known] = {}
        self._reads: dict[tuple[ObjectRef, str], int] = {}
        self._seen = 0  # the number of instances whose refs were read so far

    def __reduce__(self) -> tuple[type[Peers], tuple[()]]:
        """Give the copy of an instance, also one from a pickle, no peers."""
        return Peers, ()

    def know(self, ref: ObjectRef, attribute: str) -> Known:
        """Return numbers of ``ref`` that its ``attribute`` has not shown yet; they are read with those of the peers."""
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
        """Return the views of ``ref`` by period; they are read with those of the peers."""
        known = self.know(ref, attribute)
        if known.views is None:
            alike = {each: other for each, other in self._known.items() if other.at == known.at}
            for each, views in periods.read({each: other.snapshot for each, other in alike.items()}).items():
                alike[each].views = views
        return known.views or Views()

    def _together(self, ref: ObjectRef, known: Known | None, read: int) -> Sequence[ObjectRef]:
        """Return the refs to read together with ``ref``: if it is new, only those of new instances."""
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
    """Return the views of ``instance`` in this week and month for its ``attribute``, or zeros if it is not saved."""
    ref = ref_of_saved(instance)
    if ref is None:
        return Views()
    peers = _peers_of(instance)
    return periods.read(live_numbers.read([ref]))[ref] if peers is None else peers.views(ref, attribute)


def _peers_of(instance: Any) -> Peers | None:
    """Return the peers of ``instance``, or None if it has none."""
    peers: Peers | None = getattr(instance._state, _ATTRIBUTE, None)
    return None if peers is None or len(peers) < 2 else peers


def track(model: Any) -> None:
    """Make each query give its instances of ``model`` their peers, by wrapping ``from_db()``.

    Django documents ``from_db()`` as the hook for the loading of instances. A query passes one list of columns to all
    of its calls, so the identity of that list tells queries apart. This costs 0.4 us for each instance.
    """
    original = getattr(model.from_db, "__func__", None)
    if original is None or hasattr(original, _TRACKS):
        return  # it is no class method, or a parent's that is wrapped already

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


# By the id of a query's list of columns. The list is kept, too, so that no other list gets its id.
_queries: dict[int, tuple[Any, Peers]] = {}
