"""The objects behind rows of statistics, many at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model

Key = tuple[int, str]  # content type id, primary key as text


def fetch(keys: Iterable[Key]) -> dict[Key, Model]:
    """The objects that still exist: one query a model."""
    by_type: dict[int, list[str]] = {}
    for type_id, object_id in keys:
        by_type.setdefault(type_id, []).append(object_id)
    found: dict[Key, Model] = {}
    for type_id, object_ids in by_type.items():
        model = ContentType.objects.get_for_id(type_id).model_class()
        if model is None:
            continue  # its app is no longer installed
        pks = [pk for pk in map(_reader(model), object_ids) if pk is not None]
        found.update({(type_id, str(pk)): obj for pk, obj in model._base_manager.in_bulk(pks).items()})
    return found


def display_name(obj: Model) -> str:
    """What people call ``obj``."""
    return str(obj)


def _reader(model: type[Model]):  # type: ignore[no-untyped-def]
    def read(object_id: str) -> object:
        try:
            return model._meta.pk.to_python(object_id)
        except ValidationError:
            return None  # the primary key has another type than it had

    return read
