"""Finding the object that a tag is about."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from djinsight.tracked.refs import ref_of, ref_of_saved
from djinsight.tracked.registry import is_tracked

OBJECT_NAMES = ("page", "object", "article", "post", "item", "self")


class Unset:
    """The argument of a tag that was not given: None is one that was, as an empty foreign key is."""

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


def find_object(context: Any, obj: Any = UNSET) -> Model | None:
    """Return ``obj``, or the first of ``OBJECT_NAMES`` whose model has the mixin."""
    if obj is not UNSET:
        return obj if is_tracked(obj) else None
    return next((each for each in map(context.get, OBJECT_NAMES) if is_tracked(each)), None)


def sought(context: Any, obj: Any, argument: str) -> str:
    """Where ``find_object`` looked, and what was there, as a developer reads it; ``""`` where it finds a saved object.

    Says nothing of an object but its type. ``argument`` is what the tag calls ``obj``.
    """
    found = find_object(context, obj)
    if found is not None and ref_of_saved(found) is not None:
        return ""
    if obj is not UNSET:
        return f"was given {argument}=, which is {_unfit(obj)}"
    values = ((name, context.get(name)) for name in OBJECT_NAMES)
    there = [f"{name} is {_unfit(value)}" for name, value in values if value is not None]
    return f"looked in the context for {', '.join(OBJECT_NAMES)}; {'; '.join(there) or 'none of them is there'}"


def _unfit(obj: Any) -> str:
    """Why ``obj`` is not counted, if it is not."""
    if obj is None:
        return "None"
    if isinstance(obj, str):
        return "a text, no object of a model" if obj else "empty, as is what the context does not have"
    model = obj.__class__  # of what a lazy object stands for
    if not issubclass(model, Model):
        return f"a {model.__name__}, no object of a model"
    label = f"a {model._meta.label}"
    if not is_tracked(obj):
        return f"{label}, without the mixin"
    return (
        f"{label}, not saved"
        if obj.pk is None or ref_of(obj) is not None
        else f"{label}, whose key cannot be counted by"
    )
