"""Content types: the ids by which the rows of djinsight name the models of tracked objects."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.contrib.contenttypes.models import ContentType, ContentTypeManager

from djinsight import database
from djinsight.tracked.refs import ObjectRef


def manager() -> ContentTypeManager:
    """Return the manager of the content types in djinsight's database, to which its rows refer."""
    manager: ContentTypeManager = ContentType.objects.db_manager(database.alias())
    return manager


def ids_of(refs: Iterable[ObjectRef]) -> dict[tuple[str, str], int]:
    """Return the ids of the content types of ``refs`` by app label and model name.

    Models that are not installed are left out. An installed model without a content type gets one, as ``migrate``
    creates them only at its end. Call it in the transaction that holds the cursor.
    """
    labels = {(ref.app_label, ref.model_name) for ref in refs}
    types = _known_types(labels)
    rows = manager().filter(pk__in=types.values())
    if rows.count() < len(types):
        # Each process caches content types; another one has deleted or recreated one of these.
        manager().clear_cache()
        types = _known_types(labels)
    return types


def _known_types(labels: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    types: dict[tuple[str, str], int] = {}
    for label in labels:
        try:
            content_type = manager().get_by_natural_key(*label)
        except ContentType.DoesNotExist:
            if not _is_installed(*label):
                continue
            content_type, _ = manager().get_or_create(app_label=label[0], model=label[1])
        if content_type.model_class() is not None:
            types[label] = content_type.pk
    return types


def _is_installed(app_label: str, model_name: str) -> bool:
    try:
        apps.get_model(app_label, model_name)
    except LookupError:
        return False
    return True
