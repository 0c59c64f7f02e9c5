"""Refs: the name of one tracked object, ``app_label.model_name:pk``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Self

from django.core.exceptions import ValidationError

from djinsight.exceptions import InvalidRef
from djinsight.tracked.registry import from_django, has_plain_key, key_field, model_of, plain_types, tracked_model

MAX_LENGTH = 200  # characters

_SHAPE = re.compile(r"([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*):([^\x00-\x1f\x7f\ud800-\udfff]+)", re.DOTALL)


class ObjectRef(str):
    """The name of one object, as ``"blog.article:5"``, with its parts. Its key is an int, a UUID or a string.

    It is a string, so dictionaries by ref hash it once, and its plain form finds the same entries.
    """

    __slots__ = ("app_label", "model_name", "pk")

    app_label: str
    model_name: str
    pk: str

    def __new__(cls, app_label: str, model_name: str, pk: str) -> Self:
        ref = super().__new__(cls, f"{app_label}.{model_name}:{pk}")
        ref.app_label, ref.model_name, ref.pk = app_label, model_name, pk
        return ref

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.app_label, self.model_name, self.pk

    @classmethod
    def parse(cls, text: str) -> ObjectRef:
        """Parse a string like ``"blog.article:5"``.

        Raises:
            InvalidRef: If it has another form, or more than ``MAX_LENGTH`` characters.
        """
        match = _SHAPE.fullmatch(text)
        if match is None or len(text) > MAX_LENGTH:
            raise InvalidRef(f"expected app_label.model:pk of at most {MAX_LENGTH} characters but got {text[:80]!r}")
        return cls(*match.groups())

    @classmethod
    def of(cls, obj: Any) -> ObjectRef:
        """Return the ref of a saved model instance.

        If several models of a multi-table inheritance have the mixin, the topmost of them names the object. So a view
        of the child is a view of the parent.

        Raises:
            InvalidRef: If the instance has no primary key, one of several fields, or one of a type that is not counted.
        """
        label, attname, field, kept = _naming(model_of(obj))
        pk = getattr(obj, attname) if hasattr(obj, attname) else obj.pk
        if pk is None or isinstance(pk, tuple):
            raise InvalidRef(f"expected a saved {label} with a key of one field but its key is {pk!r}")
        if kept is None:
            raise InvalidRef(f"expected {label} to have a whole number, a string or a UUID for a key but got {pk!r}")
        if type(pk) is not kept:
            # In the form that the database returns, as a new object may still have a UUID in capitals, for example.
            try:
                pk = field.get_prep_value(pk)
            except (TypeError, ValueError, ValidationError) as error:
                raise InvalidRef(f"expected a key of {label} but got {pk!r}") from error
        return _parsed(f"{label}:{pk!s}")


def ref_of_saved(obj: Any) -> ObjectRef | None:
    """Return the ref of ``obj``, or None if it is not saved or its key makes no ref.

    An unsaved object may have a key already, such as a UUID, a string, or a number that its caller chose.
    """
    return None if obj._state.adding else ref_of(obj)


def ref_of(obj: Any) -> ObjectRef | None:
    """Return the ref of ``obj``, or None if it has no key or its key makes no ref."""
    try:
        return ObjectRef.of(obj)
    except InvalidRef:
        return None


@lru_cache(maxsize=4096)  # many pages show the same objects; no string of a client comes here
def _parsed(text: str) -> ObjectRef:
    return ObjectRef.parse(text)


@lru_cache(maxsize=1024)
def _naming(model: Any) -> tuple[str, str, Any, type | None]:
    """Return how objects of ``model`` are named.

    Returns:
        The label of the model, the attribute and the field of its key, and the type of a key that needs no conversion;
        None for the type if objects of ``model`` cannot be named.
    """
    tracked = tracked_model(model)
    field = tracked._meta.pk
    if not has_plain_key(tracked):
        kept = None
    elif not from_django(type(key_field(tracked)), "get_prep_value"):
        kept = object  # every key is converted
    else:
        kept = str if plain_types(key_field(tracked)) & {"CharField", "TextField"} else int
    return f"{tracked._meta.app_label}.{tracked._meta.model_name}", field.attname, field, kept
