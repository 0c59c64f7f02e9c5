"""Objects: find the object that a key of the older layout belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from djinsight.exceptions import InvalidRef
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.registry import is_tracked_model, tracked_model, tracked_models
from djinsight.upgrade.layout import OlderKey


def ref_of(label: str, pk: str) -> ObjectRef | None:
    """Return the object that ``label`` and ``pk`` name, or None if its model is not installed or not tracked."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    if not is_tracked_model(model):
        return None
    try:
        return ObjectRef.parse(f"{tracked_model(model)._meta.label_lower}:{pk}")
    except InvalidRef:
        return None


def tracked_labels() -> list[str]:
    """Return the labels of tracked models with integer primary keys, which the older layout required."""
    models = set(map(tracked_model, tracked_models()))
    return sorted(model._meta.label_lower for model in models if _has_number(model))


def resolve(keys: Sequence[OlderKey], model: str = "") -> dict[OlderKey, ObjectRef]:
    """Return the object of each key, and leave out keys whose object does not exist or is ambiguous.

    Args:
        keys: The keys.
        model: The model of keys that name none. If it is ``""``, such a key belongs to the only tracked object with its
            primary key. If objects of several models have it, the key is left out.
    """
    labels = [model] if model else tracked_labels()
    candidates = {
        key: [ref for label in ([key.label] if key.label else labels) if (ref := ref_of(label, key.pk))] for key in keys
    }
    gone = set(objects.missing({ref for refs in candidates.values() for ref in refs}))
    there = {key: [ref for ref in refs if ref not in gone] for key, refs in candidates.items()}
    return {key: refs[0] for key, refs in there.items() if len(refs) == 1}


def _has_number(model: Any) -> bool:
    try:
        return type(model._meta.pk.to_python("5")) is int
    except ValidationError:
        return False
