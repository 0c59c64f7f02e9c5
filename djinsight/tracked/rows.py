"""Rows: find those of many tracked objects at once, in any of djinsight's tables."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from djinsight.tracked import content_types
from djinsight.tracked.refs import ObjectRef

Key = tuple[int, str]  # content type id, object id


def rows_of(refs: Iterable[ObjectRef]) -> tuple[dict[Key, ObjectRef], Q]:
    """Return the refs by the keys of their rows, and the condition that finds those rows in any table.

    A ref whose model has no content type has no rows and is left out.
    """
    by_key: dict[Key, ObjectRef] = {}
    where = Q(pk__in=[])
    models: dict[tuple[str, str], list[ObjectRef]] = {}
    for ref in refs:
        models.setdefault((ref.app_label, ref.model_name), []).append(ref)
    for label, group in models.items():
        try:
            type_id = content_types.manager().get_by_natural_key(*label).pk
        except ContentType.DoesNotExist:
            continue
        by_key.update({(type_id, ref.pk): ref for ref in group})
        where |= Q(content_type=type_id, object_id__in=[ref.pk for ref in group])
    return by_key, where
