"""Options of a tracked model: virtual columns are found by name, and are in no list."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from django.db.models import F
from django.test.utils import isolate_apps

from djinsight.models import PageViewStatisticsMixin
from djinsight.statistics.options import TrackedOptions
from tests.blog.models import Article, Comment, News, Product, Term

NAMES = ("total_views", "unique_views", "first_viewed_at", "last_viewed_at")
LISTS = {
    "fields": lambda meta: meta.fields,
    "get_fields()": lambda meta: meta.get_fields(),
    "get_fields(include_hidden=True)": lambda meta: meta.get_fields(include_hidden=True),
    "get_fields(include_parents=False)": lambda meta: meta.get_fields(include_parents=False),
    "concrete_fields": lambda meta: meta.concrete_fields,
    "local_fields": lambda meta: meta.local_fields,
    "local_concrete_fields": lambda meta: meta.local_concrete_fields,
    "private_fields": lambda meta: meta.private_fields,
    "many_to_many": lambda meta: meta.many_to_many,
    "related_objects": lambda meta: meta.related_objects,
}


@pytest.mark.parametrize("fields", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("model", [Article, News, Product, Term])
def test_no_list_has_them(model: Any, fields: Any) -> None:
    assert not set(NAMES) & {field.name for field in fields(model._meta)}


@pytest.mark.parametrize("model", [Article, News, Product, Term])
def test_a_name_finds_them(model: Any) -> None:
    assert [model._meta.get_field(name).model for name in NAMES] == [model] * 4
    with pytest.raises(Exception, match="no field named 'views'"):
        model._meta.get_field("views")


def test_other_models_keep_the_options_of_django() -> None:
    assert not isinstance(Comment._meta, TrackedOptions)


@pytest.mark.parametrize("bases", [(models.Model, PageViewStatisticsMixin), (PageViewStatisticsMixin, models.Model)])
@isolate_apps("tests.blog")
def test_ordering_of_a_model(bases: tuple[type, ...]) -> None:
    """Django's check accepts the ordering, a child inherits it, and migrations see the strings of the model."""

    class Base(*bases):  # type: ignore[misc]
        title = models.CharField(max_length=9)

        class Meta:
            app_label = "blog"
            ordering = ["-total_views", F("last_viewed_at").asc(), "title"]

    class Child(Base):
        class Meta:
            app_label = "blog"

    for model in (Base, Child):
        assert model.check() == []
        assert "DESC" in str(model.objects.all().query)
    assert Base._meta.original_attrs["ordering"][0] == "-total_views"


@isolate_apps("tests.blog")
def test_ordering_by_a_name_that_is_no_column() -> None:
    class Wrong(models.Model, PageViewStatisticsMixin):
        class Meta:
            app_label = "blog"
            ordering = ["-views"]

    assert [error.id for error in Wrong.check()] == ["models.E015"]


@isolate_apps("tests.blog")
def test_a_base_with_its_own_add_to_class() -> None:
    added: list[str] = []

    class Adding:
        @classmethod
        def add_to_class(cls, name: str, value: Any) -> None:
            added.append(name)
            type(cls).add_to_class(cls, name, value)  # type: ignore[attr-defined]

    class Made(models.Model, PageViewStatisticsMixin, Adding):
        title = models.CharField(max_length=9)

        class Meta:
            app_label = "blog"

    assert {"_meta", "title"} <= set(added)
    assert Made._meta.get_field("total_views").model is Made


def test_indexes_and_constraints_cannot_be_of_them() -> None:
    """Django's checks refuse them, as there is no such column."""
    with isolate_apps("tests.blog"):

        class Indexed(models.Model, PageViewStatisticsMixin):
            class Meta:
                app_label = "blog"
                indexes = [models.Index(fields=["total_views"], name="by_views")]

        assert [error.id for error in Indexed.check(databases={"default"})] == ["models.E012"]
