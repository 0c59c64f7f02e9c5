"""The objects behind rows and refs, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Model, QuerySet

from djinsight.tracked import content_types
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import Key, rows_of


def fetch(keys: Iterable[Key]) -> dict[Key, Model]:
    """The objects that still exist: one query a model."""
    by_type: dict[int, list[str]] = {}
    for type_id, object_id in keys:
        by_type.setdefault(type_id, []).append(object_id)
    found: dict[Key, Model] = {}
    for type_id, object_ids in by_type.items():
        model = content_types.manager().get_for_id(type_id).model_class()
        if model is None:
            continue  # its app is no longer installed
        pks = [pk for pk in map(_reader(model), object_ids) if pk is not None]
        found.update({(type_id, str(pk)): obj for pk, obj in model._base_manager.in_bulk(pks).items()})
    return found


def missing(refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Those of ``refs`` whose object does not exist in the database that is written to: one query a model."""
    return [ref for rows, group in by_model(refs) for ref in missing_among(rows, group)]


def by_model(refs: Iterable[ObjectRef]) -> Iterator[tuple[QuerySet[Any], list[ObjectRef]]]:
    """``refs`` by their models, each with all its rows in the database that is written to."""
    by_key, _ = rows_of(refs)
    by_type: dict[int, list[ObjectRef]] = {}
    for (type_id, _), ref in by_key.items():
        by_type.setdefault(type_id, []).append(ref)
    for type_id, group in by_type.items():
        model = content_types.manager().get_for_id(type_id).model_class()
        if model is not None:  # else its app may come back, and its objects with it
            # Not through a manager: one that hides rows would make them look deleted.
            yield QuerySet(model).using(router.db_for_write(model)), group


def missing_among(rows: QuerySet[Any], refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Those of ``refs`` that have none of ``rows``, all of one model."""
    read = _reader(rows.model)
    pks = {ref: read(ref.pk) for ref in refs}
    there = set(rows.filter(pk__in=[pk for pk in pks.values() if pk is not None]).values_list("pk", flat=True))
    gone = [ref for ref, pk in pks.items() if pk is None or pk not in there]
    if there <= set(pks.values()):
        return gone
    # A row was found by another key than its own: the database has the last word on what is equal, as with a collation
    # that ignores case.
    return [ref for ref in gone if pks[ref] is None or not rows.filter(pk=pks[ref]).exists()]


def display_name(obj: Model) -> str:
    """What people call ``obj``; it may be of a model that only a proxy gives the mixin."""
    own = getattr(obj, "get_display_name", None)
    return str(own() if own else obj)


def _reader(model: type[Model]):  # type: ignore[no-untyped-def]
    def read(object_id: str) -> object:
        try:
            pk = model._meta.pk.to_python(object_id)
        except (ValidationError, ValueError, TypeError):
            return None  # the primary key has another type than it had
        # SQLite raises where others find nothing.
        return None if isinstance(pk, int) and pk.bit_length() > 63 else pk

    return read
