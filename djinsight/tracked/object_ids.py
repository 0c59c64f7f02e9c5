"""Object ids: the primary key of a tracked object as text, in our tables and in SQL.

``ObjectRef.of`` makes the same text in Python. Only keys whose text is the same in both are counted.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class ObjectIdField(models.CharField):  # type: ignore[type-arg]
    """A primary key as text: two of them are equal if all of their characters are.

    MySQL and MariaDB compare without case, accents and trailing spaces unless a column says otherwise.
    """

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        """Return type and collation, as Django's schema editor asks for them."""
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = exact_collation(connection)
        return parameters


def exact_collation(connection: Any) -> str:
    """Return the collation of MySQL or MariaDB that compares character by character, trailing spaces too."""
    return "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"


def as_sql(column: str, pk: models.Field[Any, Any], connection: Any) -> str:
    """Return the SQL for the object id of the object whose primary key ``pk`` is in ``column``."""
    field: Any = pk
    while field.remote_field is not None:
        field = field.target_field
    text = _text(column, field, connection)
    if connection.vendor == "mysql":
        # The host's column may have any character set and collation: two that differ cannot be compared.
        return f"CONVERT({text} USING utf8mb4) COLLATE {exact_collation(connection)}"
    if connection.vendor == "postgresql" and getattr(field, "db_collation", None):
        return f'{text} COLLATE "default"'  # that of our column, whose index serves no other
    return text


def _text(column: str, field: models.Field[Any, Any], connection: Any) -> str:
    mysql = connection.vendor == "mysql"
    if isinstance(field, models.UUIDField) and connection.vendor != "postgresql":
        # With or without hyphens, as the column is char(32), or a type of its own in MariaDB 10.7 and later.
        text = f"CAST({column} AS CHAR)" if mysql else column
        digits = f"LOWER(REPLACE({text}, '-', ''))" if mysql or connection.features.has_native_uuid_field else text
        cut = [f"SUBSTR({digits}, {start}, {n})" for start, n in [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]]
        return "CONCAT(" + ", '-', ".join(cut) + ")" if mysql else " || '-' || ".join(cut)
    if isinstance(field, models.CharField | models.TextField):
        return column
    return f"CAST({column} AS {'CHAR' if mysql else 'VARCHAR'})"
