"""Imported views: how many older views of each object are imported. Used in transactions that lock the cursors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from djinsight import database
from djinsight.models import OlderViews
from djinsight.tracked.content_types import ids_of
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of

Counts = tuple[int, int]  # total and unique views


def of_refs(refs: Iterable[ObjectRef]) -> dict[ObjectRef, Counts]:
    """Return the imported views by object; objects without any are left out."""
    by_key, where = rows_of(refs)
    rows = (
        database.rows(OlderViews)
        .filter(where)
        .values_list("content_type_id", "object_id", "total_views", "unique_views")
    )
    return {by_key[type_id, object_id]: (total, unique) for type_id, object_id, total, unique in rows}


def raise_by(counts: Mapping[ObjectRef, Counts]) -> None:
    """Add ``counts`` to the numbers of imported views."""
    types = ids_of(counts)
    by_key, where = rows_of(counts)
    rows = {by_key[row.content_type_id, row.object_id]: row for row in database.rows(OlderViews).filter(where)}
    for ref, (total, unique) in counts.items():
        row = rows.setdefault(ref, OlderViews(content_type_id=types[ref.app_label, ref.model_name], object_id=ref.pk))
        row.total_views += total
        row.unique_views += unique
    database.rows(OlderViews).bulk_create([row for row in rows.values() if row.pk is None])
    known = [row for row in rows.values() if row.pk is not None]
    database.rows(OlderViews).bulk_update(known, ["total_views", "unique_views"], batch_size=500)
