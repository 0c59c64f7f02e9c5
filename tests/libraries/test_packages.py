"""Packages that take a model's fields for the columns of its table work, and read no number of views."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from typing import Any

import factory
import pytest
import redis
import reversion
from auditlog.models import LogEntry
from django.core.management import call_command
from django.db import models
from django.forms import modelformset_factory
from django_filters import FilterSet
from import_export.resources import ModelResource
from model_bakery import baker
from ninja import ModelSchema
from rest_framework.serializers import ModelSerializer
from reversion.models import Version

from djinsight.tracked.refs import ObjectRef
from tests.libraries.models import Author, Recipe, Report, Story
from tests.support.counted_views import count_views

pytestmark = pytest.mark.django_db

NAMES = {"total_views", "unique_views", "first_viewed_at", "last_viewed_at"}


@pytest.fixture
def story() -> Story:
    made = Story.objects.create(title="first", author=Author.objects.create(name="A"))
    count_views(ObjectRef.of(made), 3)
    return made


@pytest.fixture(autouse=True)
def no_read(redis_client: redis.Redis, request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that a test does not read Redis, unless it has the mark ``reads``."""
    if "reads" in request.keywords:
        yield
        return
    if "story" in request.fixturenames:
        request.getfixturevalue("story")
    redis_client.config_resetstat()
    yield
    calls = {name: each["calls"] for name, each in redis_client.info("commandstats").items()}
    assert not {"cmdstat_evalsha", "cmdstat_eval", "cmdstat_xrange"} & set(calls), calls


def numbers_of(rows: Any) -> set[str]:
    return NAMES & set(rows)


# django-simple-history


def test_history(story: Story) -> None:
    story.title = "second"
    story.save()
    last, first = story.history.all()
    assert (last.title, first.title) == ("second", "first")
    assert [change.field for change in last.diff_against(first).changes] == ["title"]
    assert not numbers_of(field.name for field in last._meta.get_fields())
    first.instance.save()
    assert Story.objects.get().title == "first"
    Story.history.bulk_history_create([story])
    story.delete()
    assert Story.history.filter(history_type="-").count() == 1


def test_history_of_a_child() -> None:
    report = Report.objects.create(title="first", source="radio")
    report.source = "television"
    report.save()
    assert [row.source for row in report.history.all()] == ["television", "radio"]
    assert report.history.as_of(report.history.last().history_date).source == "radio"


# django-import-export


class StoryResource(ModelResource):
    class Meta:
        model = Story


class RecipeResource(ModelResource):
    class Meta:
        model = Recipe
        import_id_fields = ["name"]


@pytest.mark.parametrize("form", ["csv", "json", "yaml"])
def test_an_export_can_be_imported(form: str, story: Story) -> None:
    exported = StoryResource().export()
    assert not numbers_of(exported.headers)
    if form == "yaml":
        pytest.importorskip("yaml")
    exported.export(form)
    Story.objects.all().delete()
    result = StoryResource().import_data(exported, raise_errors=True)
    assert not result.has_errors()
    assert Story.objects.get().title == "first"
    again = StoryResource().import_data(StoryResource().export(), raise_errors=True)
    assert again.totals["skip"] + again.totals["update"] == 1


def test_an_import_by_another_key() -> None:
    Recipe.objects.create(name="soup")
    exported = RecipeResource().export()
    assert RecipeResource().import_data(exported, raise_errors=True, use_transactions=True).totals["error"] == 0


# django-model-utils


def test_a_field_tracker(story: Story) -> None:
    found = Story.objects.get()
    assert found.tracker.changed() == {}
    found.title = "second"
    assert found.tracker.changed() == {"title": "first"}
    found.save()
    assert found.tracker.changed() == {}
    assert not numbers_of(found.tracker.current())


# factory_boy and model_bakery


class RecipeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Recipe
        django_get_or_create = ("name",)

    name = factory.Sequence("recipe {}".format)


def test_factories() -> None:
    assert [each.pk for each in RecipeFactory.create_batch(3)] == [each.pk for each in Recipe.objects.order_by("pk")]
    assert RecipeFactory(name="recipe 0").pk
    assert RecipeFactory.build().pk is None
    assert baker.make(Story, _fill_optional=True).author is not None
    assert len(baker.make(Recipe, _quantity=3, _bulk_create=True)) == 3


# Django REST framework, django-filter and django-ninja


def serializer(*names: str) -> Any:
    meta = type("Meta", (), {"model": Story, "fields": list(names) or "__all__"})
    return type("StorySerializer", (ModelSerializer,), {"Meta": meta})


def test_a_serializer_of_all_fields(story: Story) -> None:
    made = serializer()
    assert set(made(story).data) == {"id", "title", "author", "written"}
    sent = made(data=made(story).data)
    assert sent.is_valid(), sent.errors
    assert sent.save().title == "first"


@pytest.mark.reads
def test_a_serializer_that_names_the_numbers(story: Story) -> None:
    made = serializer("title", "total_views", "last_viewed_at")
    data = made(story).data
    assert (data["title"], data["total_views"]) == ("first", 3)
    assert data["last_viewed_at"] is not None
    sent = made(story, data={"title": "second", "total_views": 99})
    assert sent.is_valid(), sent.errors
    assert sent.save().total_views == 3


def test_a_filter_of_all_fields() -> None:
    made = type("StoryFilter", (FilterSet,), {"Meta": type("Meta", (), {"model": Story, "fields": "__all__"})})
    assert not numbers_of(made.base_filters)


def test_a_filter_by_the_numbers(story: Story) -> None:
    fields = {"total_views": ["gte", "exact"], "last_viewed_at": ["year", "isnull"]}
    made = type("StoryFilter", (FilterSet,), {"Meta": type("Meta", (), {"model": Story, "fields": fields})})
    assert not made({"total_views__gte": "1"}, Story.objects.all()).qs.exists()  # nothing is persisted yet
    assert made({"total_views": "0"}, Story.objects.all()).qs.get() == story
    assert made({"last_viewed_at__isnull": "true"}, Story.objects.all()).qs.get() == story


def test_a_schema_of_all_fields(story: Story) -> None:
    class StorySchema(ModelSchema):
        class Meta:
            model = Story
            fields = "__all__"

    assert not numbers_of(StorySchema.model_fields)
    assert StorySchema.from_orm(story).title == "first"


# django-reversion and django-auditlog


def test_revisions() -> None:
    with reversion.create_revision():
        recipe = Recipe.objects.create(name="soup")
    with reversion.create_revision():
        recipe.name = "stew"
        recipe.save()
    last, first = Version.objects.get_for_object(recipe)
    assert (first.field_dict["name"], last.field_dict["name"]) == ("soup", "stew")
    assert not numbers_of(first.field_dict)
    first.revision.revert()
    assert Recipe.objects.get().name == "soup"
    recipe.delete()
    last.revision.revert()
    assert Recipe.objects.get().name == "stew"


def test_an_audit_log() -> None:
    recipe = Recipe.objects.create(name="soup")
    recipe.name = "stew"
    recipe.save()
    entries = LogEntry.objects.get_for_object(recipe)
    assert [set(entry.changes_dict) - {"id"} for entry in entries] == [{"name"}, {"name"}]


# Idioms


def test_a_copy_field_by_field(story: Story) -> None:
    found = Story.objects.get()
    values = {field.attname: getattr(found, field.attname) for field in found._meta.fields if not field.primary_key}
    assert Story.objects.create(**values).title == "first"
    values = {field.name: field.value_from_object(found) for field in found._meta.get_fields() if field.concrete}
    assert Story(**{**values, "author": found.author}).title == "first"
    other = copy.deepcopy(found)
    other.pk, other._state.adding = None, True
    other.save()
    assert Story.objects.count() == 3


def test_bulk_writes(story: Story) -> None:
    made = Story.objects.bulk_create([Story(title=str(n)) for n in range(3)])
    assert Story.objects.bulk_update(made, [field.name for field in Story._meta.fields if not field.primary_key]) == 3
    assert Story.objects.update_or_create(title="first", defaults={"title": "second"})[1] is False
    assert len(Story.objects.in_bulk()) == 4
    assert not numbers_of(Story.objects.values()[0])
    assert len(Story.objects.values_list()[0]) == 4
    found = Story.objects.defer("title").get(pk=story.pk)
    assert found.get_deferred_fields() == {"title"}
    found.refresh_from_db()
    found.full_clean(exclude=["written"])
    found.validate_unique()


def test_a_formset(story: Story) -> None:
    made = modelformset_factory(Story, fields="__all__")
    assert not numbers_of(made(queryset=Story.objects.all()).forms[0].fields)


def test_fixtures(story: Story, tmp_path: Any) -> None:
    Report.objects.create(title="report", source="radio")
    path = tmp_path / "stories.json"
    call_command("dumpdata", "libraries", output=str(path), verbosity=0)
    assert not [name for name in NAMES if name in path.read_text()]
    Report.objects.all().delete()
    call_command("loaddata", str(path), stdout=io.StringIO())
    assert Report.objects.get().source == "radio"
    assert Story.objects.count() == 2


def test_the_tables_have_no_columns_of_them() -> None:
    for model in (Story, Report, Recipe, Story.history.model):
        assert all(isinstance(field, models.Field) for field in model._meta.fields)
        assert not numbers_of(field.column for field in model._meta.fields)
