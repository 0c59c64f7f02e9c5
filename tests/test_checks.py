"""Checks: the ids that a configuration gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import models
from django.db.models import Model
from django.test.utils import isolate_apps

from djinsight.checks import check_lengths, unfit_key
from djinsight.exceptions import InvalidRef
from djinsight.models import PageViewStatisticsMixin
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Term
from tests.support.processes import ROOT

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


def ids() -> list[str]:
    return [message.id for message in checks.run_checks(tags=["djinsight"])]


def test_nothing_to_say() -> None:
    assert ids() == []


def test_e001_once_for_each_bad_setting(settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 0
    settings.DJINSIGHT_VISITOR = "face"
    assert ids() == ["djinsight.E001", "djinsight.E001"]


def test_e001_names_the_setting_and_what_it_must_be(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 65
    (message,) = checks.run_checks(tags=["djinsight"])
    assert message.obj == "DJINSIGHT_REDIS_SHARDS"
    assert "1 to 64" in message.msg
    assert message.level == checks.ERROR


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param({}, ["djinsight.E002"], id="none"),
        pytest.param({"other": {"BACKEND": PUBSUB}}, ["djinsight.E002"], id="no default"),
        pytest.param({"default": {}}, ["djinsight.E002"], id="no backend"),
        pytest.param({"default": {"BACKEND": PUBSUB[:-1]}}, ["djinsight.E002"], id="mistyped"),
        pytest.param({"default": {"BACKEND": "nowhere.Layer"}}, ["djinsight.E002"], id="not installed"),
        pytest.param({"default": {"BACKEND": PUBSUB}}, [], id="pub/sub"),
        pytest.param({"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}, ["djinsight.W001"], id="lists"),
        pytest.param({"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}, ["djinsight.W001"], id="memory"),
        pytest.param({"default": {"BACKEND": "channels.layers.BaseChannelLayer"}}, [], id="another one"),
    ],
)
def test_channel_layer(layers: dict[str, Any], expected: list[str], settings: Any) -> None:
    settings.CHANNEL_LAYERS = layers
    assert ids() == expected


@pytest.mark.parametrize(
    ("visitor", "engine", "expected"),
    [
        ("session", "signed_cookies", ["djinsight.W002"]),
        ("session", "db", []),
        ("session", "cache", []),
        ("cookie", "signed_cookies", []),
        ("anonymous", "signed_cookies", []),
    ],
)
def test_session_engine(visitor: str, engine: str, expected: list[str], settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = visitor
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert ids() == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("DJINSIGHT_CLEANUP_DAY", "Did you mean DJINSIGHT_CLEANUP_DAYS?", id="a letter"),
        pytest.param("DJINSIGHT_PUSH_INTERVALL", "Did you mean DJINSIGHT_PUSH_INTERVAL?", id="one too many"),
        pytest.param("DJINSIGHT_REDIS_PREFIX", "Did you mean DJINSIGHT_REDIS_KEY_PREFIX?", id="a word"),
        pytest.param("DJINSIGHT_REDIS_HOST", "No setting has a similar name. Delete it.", id="like none"),
        pytest.param("DJINSIGHT", "Each setting has a name of its own, like DJINSIGHT_VISITOR.", id="a dict"),
    ],
)
def test_w004_names_the_nearest(name: str, hint: str, settings: Any) -> None:
    setattr(settings, name, 5)
    (message,) = checks.run_checks(tags=["djinsight"])
    assert (message.id, message.obj, message.hint) == ("djinsight.W004", name, hint)
    assert message.level == checks.WARNING


def test_w004_not_of_what_there_is_or_is_another_apps(settings: Any) -> None:
    settings.DJINSIGHT_CLEANUP_DAYS = 5
    settings.DJINSIGHTS = settings.MY_DJINSIGHT_DAYS = settings.djinsight_days = 5
    assert ids() == []


@pytest.mark.parametrize(
    ("urlconf", "expected"),
    [
        pytest.param("tests.urls", [], id="included"),
        pytest.param("django.contrib.auth.urls", ["djinsight.W005"], id="not included"),
        pytest.param("", [], id="no URLs yet"),
        pytest.param(None, [], id="no URLs at all"),
    ],
)
def test_w005_the_fallback_has_no_address(urlconf: str | None, expected: list[str], settings: Any) -> None:
    settings.ROOT_URLCONF = urlconf
    assert ids() == expected


def test_w005_without_the_setting(settings: Any) -> None:
    del settings.ROOT_URLCONF
    assert ids() == []


def test_e005_times_without_a_zone(settings: Any) -> None:
    settings.USE_TZ = False
    assert ids() == ["djinsight.E005"]


def test_e006_a_key_of_several_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Term._meta, "pk", models.CompositePrimaryKey("word", "language"))
    (message,) = checks.run_checks(tags=["djinsight"])
    assert (message.id, message.obj) == ("djinsight.E006", Term)
    assert "blog.Term" in message.msg


@isolate_apps("tests.blog")
def test_e006_a_child_with_another_key_than_its_parent() -> None:
    """It is counted under the parent's key, while queries would look for its own key."""

    class Other(models.Model):
        code = models.AutoField(primary_key=True)

        class Meta:
            app_label = "blog"

    class Place(PageViewStatisticsMixin, models.Model):
        class Meta:
            app_label = "blog"

    class Both(Other, Place):
        class Meta:
            app_label = "blog"

    class Shop(Place):
        place = models.OneToOneField(Place, models.CASCADE, parent_link=True)
        code = models.CharField(max_length=9, primary_key=True)

        class Meta:
            app_label = "blog"

    class Cafe(Place):
        class Meta:
            app_label = "blog"

    class Terrace(Cafe):
        class Meta:
            app_label = "blog"

    assert [bool(unfit_key(model)) for model in (Place, Cafe, Terrace, Both, Shop)] == [False, False, False, True, True]
    assert "blog.Place" in unfit_key(Both)


class Router:
    """Writes to the database given for a model's name or app, and reads from a replica, which checks ignore."""

    def __init__(self, migrate: bool = True, **where: str) -> None:
        self.where = where
        self.migrate = migrate

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return self.where.get(model.__name__) or self.where.get(model._meta.app_label)

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "replica"

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db == self.where.get(app_label, "default") if self.migrate else None


OURS = {model.__name__ for model in apps.get_app_config("djinsight").get_models()}
# name: (router, the misplaced models by the database that they are in)
ROUTERS: dict[str, tuple[Router, dict[str, set[str]]]] = {
    "one for all": (Router(djinsight="counts", contenttypes="counts"), {}),
    "content types in each": (Router(djinsight="counts", migrate=False), {}),
    "the log elsewhere": (Router(PageViewLog="logs"), {"default": OURS - {"PageViewLog"}, "logs": {"PageViewLog"}}),
    "the cursor elsewhere": (
        Router(PersistCursor="counts", migrate=False),
        {"default": OURS - {"PersistCursor"}, "counts": {"PersistCursor"}},
    ),
    "no content types there": (Router(djinsight="counts"), {"default": {"ContentType"}, "counts": OURS}),
}


@pytest.mark.parametrize(("router", "expected"), ROUTERS.values(), ids=ROUTERS)
def test_e004_names_what_a_router_puts_where(router: Router, expected: dict[str, set[str]], settings: Any) -> None:
    settings.DATABASE_ROUTERS = [router]
    messages = checks.run_checks(tags=["djinsight"])
    assert [(message.id, message.level) for message in messages] == [("djinsight.E004", checks.ERROR)] * bool(expected)
    for message in messages:
        places = dict(re.findall(r'"(\w+)" \(([^)]*)\)', message.msg))
        assert {database: set(models.split(", ")) for database, models in places.items()} == expected
        assert message.hint


class Hashed(str):
    """The value that a field of another package returns for the number in its column."""


class HashField(models.AutoField):  # type: ignore[type-arg]
    def from_db_value(self, value: int, *args: Any) -> Hashed:
        return Hashed(f"x{value:o}")

    def get_prep_value(self, value: Any) -> int:
        return int(value[1:], 8) if isinstance(value, Hashed) else value


class LowerField(models.CharField):  # type: ignore[type-arg]
    """A field that stores a string in lower case, so the database returns another one than it was given."""

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(value).lower()


class Described:
    """A descriptor whose value is not that of the column."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else instance.__dict__.get(self.field.attname)


class DescribedField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Described


KEYS: dict[str, tuple[Callable[[], Any], bool]] = {
    "a whole number": (lambda: models.BigAutoField(primary_key=True), True),
    "a small one": (lambda: models.PositiveSmallIntegerField(primary_key=True), True),
    "a string": (lambda: models.CharField(primary_key=True, max_length=9), True),
    "a slug": (lambda: models.SlugField(primary_key=True), True),
    "an address": (lambda: models.URLField(primary_key=True, max_length=100), True),
    "a text": (lambda: models.TextField(primary_key=True), True),
    "a UUID": (lambda: models.UUIDField(primary_key=True), True),
    "a string of its own": (lambda: LowerField(primary_key=True, max_length=9), True),
    "a decimal": (lambda: models.DecimalField(primary_key=True, max_digits=9, decimal_places=2), False),
    "a float": (lambda: models.FloatField(primary_key=True), False),
    "a time": (lambda: models.DateTimeField(primary_key=True), False),
    "a day": (lambda: models.DateField(primary_key=True), False),
    "a duration": (lambda: models.DurationField(primary_key=True), False),
    "a boolean": (lambda: models.BooleanField(primary_key=True), False),
    "bytes": (lambda: models.BinaryField(primary_key=True), False),
    "an IP address": (lambda: models.GenericIPAddressField(primary_key=True), False),
    "a hash": (lambda: HashField(primary_key=True), False),
    "with a descriptor": (lambda: DescribedField(primary_key=True, max_length=9), False),
}


@pytest.mark.parametrize(("field", "fits"), KEYS.values(), ids=KEYS)
@isolate_apps("tests.blog")
def test_e006_a_key_that_is_another_text_in_each_database(field: Callable[[], Any], fits: bool) -> None:
    """The check and the pages agree, as an object whose key the check refuses has no ref."""

    class Thing(PageViewStatisticsMixin, models.Model):
        key = field()

        class Meta:
            app_label = "blog"

    class Part(Thing):
        class Meta:
            app_label = "blog"

    assert [bool(unfit_key(model)) for model in (Thing, Part)] == [not fits] * 2
    if not fits:
        assert type(Thing._meta.pk).__name__ in unfit_key(Thing)
        with pytest.raises(InvalidRef):
            ObjectRef.of(Thing(pk=Decimal("1.50")))


@pytest.mark.parametrize(("length", "expected"), [(190, []), (191, ["djinsight.W010"])])
def test_w010_a_key_that_may_be_too_long(length: int, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Term._meta.pk, "max_length", length)
    found = check_lengths()
    assert [message.id for message in found] == expected
    assert all("more than 190 characters" in message.msg for message in found)


def test_e010_tenants() -> None:
    """The settings with django-tenants need a process of their own."""
    command = [sys.executable, "-m", "django", "check", "--settings", "tests.support.tenants"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert "djinsight.E010) TENANT_APPS has djinsight, tests.blog, so" in done.stderr
    shared = {**os.environ, "TENANTS_SHARE": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=shared)
    assert "E010" not in done.stderr
