"""Finding: find the object that a template tag shows or counts."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from djinsight.tracked.refs import ref_of, ref_of_saved
from djinsight.tracked.registry import is_tracked

OBJECT_NAMES = ("page", "object", "article", "post", "item", "self")


class Unset:
    """The type of ``UNSET``, which stands for an argument that a tag was not given.

    None is an argument that was given: an empty foreign key, for example.
    """

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


def find_object(context: Any, obj: Any = UNSET) -> Model | None:
    """Return ``obj`` if its model has the mixin, or without ``obj`` the first such object under ``OBJECT_NAMES``."""
    if obj is not UNSET:
        return obj if is_tracked(obj) else None
    return next((each for each in map(context.get, OBJECT_NAMES) if is_tracked(each)), None)


def sought(context: Any, obj: Any, argument: str) -> str:
    """Return for the site's developer why a tag shows nothing, or ``""`` if there is a saved object.

    The string tells only the types of objects, and nothing of what they hold.

    Args:
        context: The template's context.
        obj: The object that the tag was given, or ``UNSET``.
        argument: The name of that argument.
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
    """Return what is wrong with ``obj``, if it is not counted."""
    if obj is None:
        return "None"
    if isinstance(obj, str):
        return "a string, not an object of a model" if obj else "empty, as a name is that the context does not have"
    model = obj.__class__  # of a lazy object, the class of the object that it stands for
    if not issubclass(model, Model):
        return f"a {model.__name__}, not an object of a model"
    label = f"a {model._meta.label}"
    if not is_tracked(obj):
        return f"{label}, without the mixin"
    return (
        f"{label}, not saved"
        if obj.pk is None or ref_of(obj) is not None
        else f"{label}, whose primary key makes no valid ref"
    )
