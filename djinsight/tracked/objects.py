"""Objects: fetch those behind rows and refs, and find out which of them are deleted, many at once."""

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
    """Return the objects of ``keys`` that still exist, with one query a model."""
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
    """Return the refs whose object does not exist in the database for writing, with one query a model."""
    return [ref for rows, group in by_model(refs) for ref in missing_among(rows, group)]


def by_model(refs: Iterable[ObjectRef]) -> Iterator[tuple[QuerySet[Any], list[ObjectRef]]]:
    """Yield all rows of each model, in the database for writing, with the refs of that model.

    Refs whose model is not installed are left out.
    """
    by_key, _ = rows_of(refs)
    by_type: dict[int, list[ObjectRef]] = {}
    for (type_id, _), ref in by_key.items():
        by_type.setdefault(type_id, []).append(ref)
    for type_id, group in by_type.items():
        model = content_types.manager().get_for_id(type_id).model_class()
        if model is not None:  # an app that is not installed may come back, and its objects with it
            # Not through the model's manager, as rows that it hides would look deleted.
            yield QuerySet(model).using(router.db_for_write(model)), group


def missing_among(rows: QuerySet[Any], refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Return the refs that no row belongs to.

    Args:
        rows: All rows of one model.
        refs: Refs of objects of that model.
    """
    read = _reader(rows.model)
    pks = {ref: read(ref.pk) for ref in refs}
    there = set(rows.filter(pk__in=[pk for pk in pks.values() if pk is not None]).values_list("pk", flat=True))
    gone = [ref for ref, pk in pks.items() if pk is None or pk not in there]
    if there <= set(pks.values()):
        return gone
    # A row was found by a key that differs from its own, as with a collation that ignores case. The database decides
    # which keys are equal.
    return [ref for ref in gone if pks[ref] is None or not rows.filter(pk=pks[ref]).exists()]


def display_name(obj: Model) -> str:
    """Return the name of ``obj`` for people; its model need not have the mixin, as a proxy may add that."""
    own = getattr(obj, "get_display_name", None)
    return str(own() if own else obj)


def _reader(model: type[Model]):  # type: ignore[no-untyped-def]
    def read(object_id: str) -> object:
        try:
            pk = model._meta.pk.to_python(object_id)
        except (ValidationError, ValueError, TypeError):
            return None  # the type of the primary key has changed
        # SQLite raises for such numbers; other databases find nothing.
        return None if isinstance(pk, int) and pk.bit_length() > 63 else pk

    return read
