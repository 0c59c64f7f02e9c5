"""Virtual columns: statistics that look like fields of a tracked model, but are not in its table.

Each column is a non-editable model field without a database column. ``_meta.get_field()`` finds it by name, but no list
of fields has it. In a query it compiles to a correlated subquery on ``PageViewStatistics``. On an instance it reads the
live number.
"""

from __future__ import annotations

from typing import Any, cast

from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import Col
from django.utils.functional import cached_property

from djinsight import days
from djinsight.counting.snapshot import Snapshot
from djinsight.statistics import peers
from djinsight.statistics.options import TrackedOptions
from djinsight.tracked import object_ids
from djinsight.tracked.registry import tracked_model

Sql = tuple[str, tuple[Any, ...]]


class VirtualCol(Col):
    """A virtual column of the table under ``alias``."""

    def as_sql(self, compiler: Any, connection: Any) -> Sql:
        target: StatisticsColumn = self.target  # type: ignore[assignment]
        # As in Django, an alias is not quoted, and PostgreSQL folds its case.
        return target.subquery(compiler.quote_name_unless_alias(self.alias), connection), ()


class StatisticsColumn(models.Field):  # type: ignore[type-arg]
    """Base class of the virtual columns. ``never`` is the SQL literal for an object that was never viewed."""

    never = "NULL"

    def __init__(self, **kwargs: Any) -> None:
        kwargs.update(editable=False, null=True, blank=True, serialize=False)
        super().__init__(**kwargs)

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        """Add the column to ``cls`` as an attribute, and to its options by name, but not to its fields."""
        self.set_attributes_from_name(name)
        self.model = cls
        cast(TrackedOptions, cls._meta).statistics_columns[name] = self
        setattr(cls, name, self)

    def get_attname_column(self) -> tuple[str, Any]:
        return self.get_attname(), None

    def get_col(self, alias: str, output_field: models.Field[Any, Any] | None = None) -> Col:
        return VirtualCol(alias, self, output_field)

    @cached_property
    def cached_col(self) -> Col:
        return VirtualCol(self.model._meta.db_table, self)

    def subquery(self, table: str, connection: Any) -> str:
        """Return the SQL of the correlated subquery.

        It needs no parameters, because the labels in it are Python identifiers.

        Args:
            table: The table or alias of the objects, quoted if need be.
            connection: The database connection of the query.
        """
        quote = connection.ops.quote_name
        statistics = apps.get_model("djinsight", "PageViewStatistics")
        content_type = apps.get_model("contenttypes", "ContentType")
        tracked = tracked_model(self.model)
        # By label, not by id: reading the id could write a row. The database evaluates this subquery once for a query.
        type_id = (
            f"SELECT {quote('id')} FROM {quote(content_type._meta.db_table)} "
            f"WHERE {quote('app_label')} = '{tracked._meta.app_label}' "
            f"AND {quote('model')} = '{tracked._meta.model_name}'"
        )
        own_pk = f"{table}.{quote(self.model._meta.pk.column)}"
        pk = object_ids.as_sql(own_pk, self.model._meta.pk, connection)
        inner = quote("djinsight_statistics")
        select = (
            f"SELECT {inner}.{quote(self.name)} FROM {quote(statistics._meta.db_table)} {inner} "
            f"WHERE {inner}.{quote('content_type_id')} = ({type_id}) AND {inner}.{quote('object_id')} = {pk}"
        )
        if self.never == "NULL":
            return f"({select})"
        # If an outer join finds no object, the number is NULL, as with any column.
        value = f"COALESCE(({select}), {self.never})"
        if connection.vendor == "mysql":
            value = f"CAST({value} AS SIGNED)"  # COALESCE of an unsigned column and a signed 0 is a decimal number
        return f"CASE WHEN {own_pk} IS NOT NULL THEN {value} END"

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> Any:
        if instance is None:
            return self
        snapshot = peers.snapshot(instance, self.name)
        return None if snapshot is None else self.live(snapshot)

    def __set__(self, instance: models.Model, value: Any) -> None:
        raise AttributeError(f"{self.name} is read-only: it is counted, not set (got {value!r})")

    def __delete__(self, instance: models.Model) -> None:
        raise AttributeError(f"{self.name} is read-only: it is counted, not deleted")

    def __repr__(self) -> str:
        """Return a description for the error message of Django 6.0 and later, which refuse ``QuerySet.update()``."""
        return f"{super().__repr__()[:-1]}, read-only>"

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Refuse ``QuerySet.update()``, which before Django 6.0 does not check if there is a column.

        Raises:
            FieldError: Always.
        """
        raise FieldError(f"{self.name} is read-only: it is counted, not set (got {value!r})")

    def live(self, snapshot: Snapshot) -> Any:
        """Return this column's value in ``snapshot``."""
        raise TypeError(f"expected a column with a value but got {type(self).__name__}")


class CountColumn(StatisticsColumn, models.BigIntegerField):  # type: ignore[type-arg]
    """A number of views, 0 if there were none."""

    never = "0"

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> Any:
        value = super().__get__(instance, owner)
        return 0 if value is None else value

    def live(self, snapshot: Snapshot) -> int:
        return snapshot.get(self.name) or 0


class TimeColumn(StatisticsColumn, models.DateTimeField):  # type: ignore[type-arg,misc]
    """The time of a view, None if there was none."""

    def live(self, snapshot: Snapshot) -> Any:
        return days.to_datetime(snapshot.get(self.name))
