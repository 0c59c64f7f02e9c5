"""The registry: which models are tracked, which model names an object, and if its key is fit for that."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db.models import Model

_DJANGO = "django.db.models."
_PLAIN = {"IntegerField", "CharField", "TextField", "UUIDField"}  # and their subclasses


def is_tracked_model(model: Any) -> bool:
    """Return whether ``model`` has the mixin."""
    return bool(getattr(model, "djinsight_tracked", False))


def is_tracked(obj: Any) -> bool:
    """Return whether ``obj`` is an instance of a model with the mixin."""
    return isinstance(obj, Model) and is_tracked_model(model_of(obj))


def tracked_models() -> Iterator[type[Model]]:
    """Yield the installed models with the mixin."""
    return filter(is_tracked_model, apps.get_models())


def model_of(obj: Any) -> Any:
    """Return the model of ``obj``.

    For a Wagtail page that was loaded as a plain ``Page`` this is the page's specific type, which has the same key.
    For a lazy object such as ``request.user`` it is the model of the object behind it.
    """
    specific = getattr(obj, "specific_class", None)
    return specific if isinstance(specific, type) else obj.__class__


def tracked_model(model: Any) -> Any:
    """Return the model that names objects of ``model``: its topmost concrete ancestor with the mixin, else itself."""
    return _topmost(model)


@lru_cache(maxsize=1024)  # searching the bases takes 3 us, for each tag of a page
def _topmost(model: Any) -> Any:
    concrete = model._meta.concrete_model
    tracked = [base for base in concrete.__mro__ if is_tracked_model(base) and _concrete(base)]
    return tracked[-1] if tracked else concrete


@lru_cache(maxsize=1024)
def has_plain_key(model: Any) -> bool:
    """Return whether the key of ``model`` is the same string in Python and in every database.

    This holds for whole numbers, strings and UUIDs, unless the field converts the values that the database returns.
    It does not hold for decimal numbers, times and booleans, which each database writes in its own way.
    """
    field = key_field(model)
    # A field that puts an attribute of its own on the model is not plain. One that a field tracker wraps still is.
    own = not all(from_django(type(field), method) for method in ("get_db_converters", "contribute_to_class"))
    descriptor = field.descriptor_class.__module__
    return bool(plain_types(field)) and not (own or hasattr(field, "from_db_value")) and descriptor.startswith(_DJANGO)


def key_field(model: Any) -> Any:
    """Return the field that has the keys of ``model``; for a link to a parent, the parent's."""
    field = model._meta.pk
    while field.remote_field is not None:
        field = field.target_field
    return field


def plain_types(field: Any) -> set[str]:
    """Return the names of Django's plain field classes from which the class of ``field`` derives."""
    return _PLAIN & {base.__name__ for base in type(field).__mro__ if base.__module__.startswith(_DJANGO)}


def from_django(cls: type, method: str) -> bool:
    """Return whether no class but Django's defines ``method`` for ``cls``."""
    return all(base.__module__.startswith(_DJANGO) for base in cls.__mro__ if method in vars(base))


def _concrete(base: type) -> bool:
    meta = getattr(base, "_meta", None)
    return meta is not None and not meta.abstract and not meta.proxy
