"""Collector: the garbage collector is paused while a batch is written, and only then."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from djinsight import collector
from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()


def test_a_batch_is_written_without(article: object) -> None:
    on: list[bool] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if PageViewLog._meta.db_table in sql or "djinsight_pageviewstatistics" in sql:
            on.append(gc.isenabled())
        return execute(sql, params, many, context)

    count_views(ObjectRef.of(article), 3)
    with connection.execute_wrapper(look):
        persist()
    assert set(on) == {False}
    assert gc.isenabled()


def test_on_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), collector.Paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_was_off_stays_off() -> None:
    gc.disable()
    with collector.Paused():
        pass
    assert not gc.isenabled()
