"""Counters of the older layout: add their views to the totals, except those that are imported already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from djinsight import database
from djinsight.counting import connections, loading
from djinsight.history.cursors import lock_cursors
from djinsight.models import OlderViews, PageViewStatistics
from djinsight.tracked.content_types import ids_of
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of
from djinsight.upgrade import taken
from djinsight.upgrade.layout import Kind, OlderKey
from djinsight.upgrade.objects import resolve
from djinsight.upgrade.taken import Counts


@dataclass(slots=True)
class Counted:
    """The views that counters added to the totals, and the number of keys whose object is unknown."""

    views: int = 0
    unknown: int = 0


def take(shard: int, keys: Sequence[OlderKey], model: str = "") -> Counted:
    """Raise the totals by the views of counters that are not imported yet.

    A counter without a model is a sum over all models. Counters with a model have to be imported before it.

    Args:
        shard: The Redis server that has the keys.
        keys: The keys of the counters.
        model: The model of keys that name none, such as "blog.article"; ``""`` to find it by the primary key.
    """
    values = _read(shard, keys)
    refs = resolve(list(values), model)
    with database.write():
        lock_cursors()
        before = taken.of_refs(refs.values())
        total = _totals(refs.values())
        bare = _sums([key.pk for key in values if not key.label])
        more: dict[ObjectRef, Counts] = {}
        unknown = 0
        for key, value in values.items():
            at = 0 if key.kind is Kind.COUNTER else 1
            ref = refs.get(key)
            if not key.label and value <= bare.get(key.pk, (0, 0))[at]:
                continue  # all of its views are imported, from counters with a model
            if ref is None:
                unknown += 1
                continue
            known = before.get(ref, (0, 0))[at] if key.label else bare.get(key.pk, (0, 0))[at]
            if key.shared:  # this version counts on under the same name
                known = max(known, total.get(ref, (0, 0))[at])
            counts = list(more.get(ref, (0, 0)))
            counts[at] += max(0, value - known)
            more[ref] = counts[0], counts[1]
        _add(more)
    # Also if nothing was added, because an earlier run may have ended before this line.
    loading.load(list(more))
    return Counted(sum(views for views, _ in more.values()), unknown)


def _read(shard: int, keys: Sequence[OlderKey]) -> dict[OlderKey, int]:
    replies = connections.sync_client(shard).mget([key.name for key in keys]) if keys else []
    return {
        key: int(reply)
        for key, reply in zip(keys, replies, strict=True)
        if reply is not None and reply.isdigit() and len(reply) <= 18
    }


def _totals(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Counts]:
    by_key, where = rows_of(refs)
    rows = database.rows(PageViewStatistics).filter(where)
    found = rows.values_list("content_type_id", "object_id", "total_views", "unique_views")
    return {by_key[type_id, object_id]: (total, unique) for type_id, object_id, total, unique in found}


def _sums(pks: Sequence[str]) -> dict[str, Counts]:
    """Return the imported views by primary key, added up over all models."""
    rows = database.rows(OlderViews).filter(object_id__in=pks).order_by().values_list("object_id")
    found = rows.annotate(Sum("total_views"), Sum("unique_views"))
    return {pk: (total, unique) for pk, total, unique in found}


def _add(more: Mapping[ObjectRef, Counts]) -> None:
    more = {ref: counts for ref, counts in more.items() if any(counts)}
    if not more:
        return
    types = ids_of(more)
    by_key, where = rows_of(more)
    rows = {by_key[row.content_type_id, row.object_id]: row for row in database.rows(PageViewStatistics).filter(where)}
    for ref, (total, unique) in more.items():
        row = rows.setdefault(
            ref, PageViewStatistics(content_type_id=types[ref.app_label, ref.model_name], object_id=ref.pk)
        )
        row.total_views += total
        row.unique_views += unique
    database.rows(PageViewStatistics).bulk_create([row for row in rows.values() if row.pk is None])
    known = [row for row in rows.values() if row.pk is not None]
    database.rows(PageViewStatistics).bulk_update(known, ["total_views", "unique_views"], batch_size=500)
    taken.raise_by(more)
