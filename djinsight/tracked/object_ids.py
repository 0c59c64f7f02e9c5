"""Object ids: the primary key of a tracked object as a string, in djinsight's tables and in SQL.

``ObjectRef.of`` makes the same string in Python. Objects are counted only if both agree for their type of key.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class ObjectIdField(models.CharField):  # type: ignore[type-arg]
    """A primary key as a string that is compared character by character.

    MySQL and MariaDB ignore case, accents and trailing spaces unless the column's collation says otherwise.
    """

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        """Return the column's type and collation for Django's schema editor."""
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = exact_collation(connection)
        return parameters


def exact_collation(connection: Any) -> str:
    """Return the collation that compares every character, trailing spaces included, on MySQL or MariaDB."""
    return "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"


def as_sql(column: str, pk: models.Field[Any, Any], connection: Any) -> str:
    """Return the SQL that makes an object id of a primary key.

    Args:
        column: The quoted column that has the key.
        pk: The field of the key.
        connection: The connection to the database that runs the SQL.
    """
    field: Any = pk
    while field.remote_field is not None:
        field = field.target_field
    text = _text(column, field, connection)
    if connection.vendor == "mysql":
        # The host's column may have another character set or collation, and MySQL compares only equal ones.
        return f"CONVERT({text} USING utf8mb4) COLLATE {exact_collation(connection)}"
    if connection.vendor == "postgresql" and getattr(field, "db_collation", None):
        return f'{text} COLLATE "default"'  # the collation of our column, whose index serves no other
    return text


def _text(column: str, field: models.Field[Any, Any], connection: Any) -> str:
    mysql = connection.vendor == "mysql"
    if isinstance(field, models.UUIDField) and connection.vendor != "postgresql":
        # The column has no hyphens as char(32), and hyphens as the type uuid of MariaDB 10.7 and later.
        text = f"CAST({column} AS CHAR)" if mysql else column
        digits = f"LOWER(REPLACE({text}, '-', ''))" if mysql or connection.features.has_native_uuid_field else text
        cut = [f"SUBSTR({digits}, {start}, {n})" for start, n in [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]]
        return "CONCAT(" + ", '-', ".join(cut) + ")" if mysql else " || '-' || ".join(cut)
    if isinstance(field, models.CharField | models.TextField):
        return column
    return f"CAST({column} AS {'CHAR' if mysql else 'VARCHAR'})"
