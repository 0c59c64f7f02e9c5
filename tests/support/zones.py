"""Zones: a database with a time zone of its own, in which it returns times, and on SQLite stores them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DEFAULT_DB_ALIAS, connections


@contextmanager
def database_in(zone: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections[DEFAULT_DB_ALIAS].settings_dict, "TIME_ZONE", zone)
        _forget()
        yield
    _forget()


def _forget() -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.close()
    for name in ("timezone", "timezone_name"):
        connection.__dict__.pop(name, None)
