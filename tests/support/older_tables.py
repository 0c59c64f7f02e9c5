"""Older tables: those that the migrations of djinsight 0.4 and 0.1 make, in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection

OURS = [model._meta.db_table for model in apps.get_app_config("djinsight").get_models()]
_TYPE = 'INTEGER NOT NULL REFERENCES "django_content_type" ("id")'
_TIME = "TIMESTAMP WITH TIME ZONE"
_COUNTS = "total_views INTEGER NOT NULL, unique_views INTEGER NOT NULL"
TABLES = {
    "contenttyperegistry": f"enabled BOOLEAN NOT NULL, content_type_id {_TYPE}",
    "mcpapikey": "name VARCHAR(200) NOT NULL",
    "pageviewstatistics": f"object_id INTEGER NOT NULL, {_COUNTS}, first_viewed_at {_TIME} NULL, "
    f"last_viewed_at {_TIME} NULL, updated_at {_TIME} NOT NULL, content_type_id {_TYPE}",
    "pageviewsummary": f"content_type_id {_TYPE}, date DATE NOT NULL, {_COUNTS}, object_id INTEGER NOT NULL",
    "pageviewevent": "object_id INTEGER NOT NULL, url VARCHAR(500) NOT NULL, session_key VARCHAR(255) NOT NULL, "
    "ip_address VARCHAR(39) NULL, user_agent TEXT NULL, referrer VARCHAR(500) NULL, "
    f"timestamp {_TIME} NOT NULL, is_unique BOOLEAN NOT NULL, content_type_id {_TYPE}",
}
INDEXES = {
    # These names are made of table and column, and those of the present tables are equal.
    "djinsight_pageviewstatistics_content_type_id_00d5052e": ("pageviewstatistics", "content_type_id"),
    "djinsight_pageviewsummary_content_type_id_d86c31b4": ("pageviewsummary", "content_type_id"),
}
MIGRATIONS = [
    "0001_initial",
    "0002_rename_djinsight_p_page_id_a3ba77_idx_djinsight_p_page_id_f86134_idx_and_more",
    "0003_alter_pageviewlog_session_key",
    "0004_v2_new_architecture",
    "0005_mcpapikey_and_more",
]


def make(version: str = "0.4") -> None:
    """Replace the present tables by the older ones."""
    key = "INTEGER PRIMARY KEY AUTOINCREMENT" if connection.vendor == "sqlite" else "BIGSERIAL PRIMARY KEY"
    with connection.cursor() as cursor:
        for table in OURS:
            cursor.execute(f"DROP TABLE {table}")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'djinsight'")
        for name in MIGRATIONS[: 3 if version == "0.1" else 5]:
            insert = "INSERT INTO django_migrations (app, name, applied) VALUES ('djinsight', %s, CURRENT_TIMESTAMP)"
            cursor.execute(insert, [name])
        if version == "0.1":
            cursor.execute(f"CREATE TABLE djinsight_pageviewlog (id {key}, page_id INTEGER, content_type VARCHAR(100))")
            return
        for table, columns in TABLES.items():
            cursor.execute(f"CREATE TABLE djinsight_{table} (id {key}, {columns})")
        for index, (table, column) in INDEXES.items():
            cursor.execute(f"CREATE INDEX {index} ON djinsight_{table} ({column})")


def insert(table: str, **values: Any) -> None:
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO djinsight_{table} ({names}) VALUES ({places})", list(values.values()))


def names() -> set[str]:
    return {name for name in connection.introspection.table_names() if name.startswith("djinsight_")}


def remove() -> None:
    """Restore the present tables, empty, whatever a test has left."""
    from django.core.management import call_command

    with connection.cursor() as cursor:
        for table in names():
            cursor.execute(f"DROP TABLE {table}" + (" CASCADE" if connection.vendor == "postgresql" else ""))
        cursor.execute("DELETE FROM django_migrations WHERE app = 'djinsight'")
    call_command("migrate", "djinsight", verbosity=0)
