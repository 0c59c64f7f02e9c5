"""Options: the ``_meta`` of a tracked model, which finds virtual columns by name, but lists them nowhere."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.expressions import OrderBy
from django.db.models.options import Options


class TrackedOptions(Options):  # type: ignore[type-arg]
    """Django's options of a model, with virtual columns that only ``get_field()`` finds.

    Third-party code takes ``fields`` and ``get_fields()`` for the columns of a table: history tables, exports, field
    trackers and copies do so. Queries, the admin and forms find a field by its name.
    """

    def __init__(self, meta: Any, app_label: str | None = None) -> None:
        super().__init__(meta, app_label)
        self.statistics_columns: dict[str, models.Field[Any, Any]] = {}

    def get_field(self, field_name: str) -> Any:
        """Return the virtual column or the field with this name."""
        column = self.statistics_columns.get(field_name)
        return super().get_field(field_name) if column is None else column

    def order_by_columns(self) -> None:
        """Let ``Meta.ordering`` name virtual columns.

        Django checks the strings in it against ``fields``, and takes expressions as they are. So each name of a column
        becomes an expression.
        """
        self.ordering = [self._ordering(each) for each in self.ordering or ()]

    def _ordering(self, by: Any) -> Any:
        name = by.removeprefix("-") if isinstance(by, str) else None
        if name not in self.statistics_columns:
            return by
        return OrderBy(models.F(name), descending=by.startswith("-"))


def add_to_class(cls: Any, following: Any, name: str, value: Any) -> None:
    """Do what ``ModelBase.add_to_class()`` does, with options that know virtual columns for ``_meta``.

    Args:
        cls: The model class that Django makes, or that gets an attribute.
        following: ``add_to_class`` of the next base, or None.
        name: The name of the attribute.
        value: The value of the attribute.
    """
    if name == "_meta" and type(value) is Options:
        value = TrackedOptions(value.meta, value.app_label)
    if following is None:
        type(cls).add_to_class(cls, name, value)
    else:
        following(name, value)
