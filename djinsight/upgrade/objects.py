"""Which object a key of the older layout is about."""

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
    """The object that ``label`` and ``pk`` name, None where the model is not installed or has not the mixin."""
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
    """The models with the mixin whose primary keys are whole numbers, as those of the older layout all were."""
    models = set(map(tracked_model, tracked_models()))
    return sorted(model._meta.label_lower for model in models if _has_number(model))


def resolve(keys: Sequence[OlderKey], model: str = "") -> dict[OlderKey, ObjectRef]:
    """The existing object of each key that has one.

    A key that names no model is about the one object with its primary key: of ``model`` where that is given, else of
    all tracked models; where several have one, the key is left out.
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
