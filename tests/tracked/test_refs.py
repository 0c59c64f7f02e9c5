"""Refs: the name of an object of any primary key type."""

from __future__ import annotations

import copy
import pickle
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from djinsight.exceptions import InvalidRef
from djinsight.models import PageViewStatisticsMixin
from djinsight.tracked.refs import MAX_LENGTH, ObjectRef
from djinsight.tracked.registry import tracked_model
from tests.blog.models import Article, Comment, News, Product, Term

ID = uuid.UUID("01234567-89ab-4def-8123-456789abcdef")


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        pytest.param(Article(pk=5), "blog.article:5", id="a number"),
        pytest.param(Article(pk=0), "blog.article:0", id="zero"),
        pytest.param(Product(pk=ID), f"blog.product:{ID}", id="a UUID"),
        pytest.param(Article(pk="05"), "blog.article:5", id="a number as somebody wrote it"),
        pytest.param(Product(pk=str(ID).upper()), f"blog.product:{ID}", id="a UUID in capitals"),
        pytest.param(Product(pk=ID.hex), f"blog.product:{ID}", id="a UUID without hyphens"),
        pytest.param(Term(pk=7), "blog.term:7", id="a text that is a number"),
        pytest.param(Term(pk="word"), "blog.term:word", id="a text"),
        pytest.param(Term(pk="a:b c.d/é語 🙂"), "blog.term:a:b c.d/é語 🙂", id="a text of anything"),
        pytest.param(News(id=5), "blog.article:5", id="a child is its parent"),
        pytest.param(Comment(pk=5), "blog.comment:5", id="a model without the mixin"),
    ],
)
def test_round_trip(obj: Any, text: str) -> None:
    ref = ObjectRef.of(obj)
    assert str(ref) == text
    assert ObjectRef.parse(text) == ref


def test_its_parts() -> None:
    ref = ObjectRef.parse("blog.term:a:b c.d")
    assert (ref.app_label, ref.model_name, ref.pk) == ("blog", "term", "a:b c.d")


def test_found_by_its_name() -> None:
    """A plain string, as in a message of the channel layer, finds the entries of a ref."""
    assert {ObjectRef("blog", "article", "5"): 1}["blog.article:5"] == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda ref: pickle.loads(pickle.dumps(ref))])
def test_copied_with_its_parts(copied: Callable[[ObjectRef], ObjectRef]) -> None:
    """A copy keeps the parts, as Channels' in-memory layer copies messages."""
    ref = copied(ObjectRef("blog", "article", "5"))
    assert (ref, ref.model_name, ref.pk) == ("blog.article:5", "article", "5")


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(Article(), id="unsaved"),
        pytest.param(News(), id="unsaved child"),
        pytest.param(Product(pk=None), id="no UUID"),
        pytest.param(Product(pk="5"), id="what is no UUID"),
        pytest.param(Article(pk="five"), id="what is no number"),
        pytest.param(Term(pk=""), id="an empty key"),
        pytest.param(Term(pk="x" * MAX_LENGTH), id="too long"),
        pytest.param(Term(pk="a\0b"), id="NUL"),
        pytest.param(Term(pk="a\nb"), id="a line"),
        pytest.param(Term(pk="\ud800"), id="a lone surrogate"),
    ],
)
def test_an_object_that_cannot_be_named(obj: Any) -> None:
    with pytest.raises(InvalidRef):
        ObjectRef.of(obj)


def test_the_longest() -> None:
    room = MAX_LENGTH - len("blog.term:")
    assert len(str(ObjectRef.of(Term(pk="x" * room)))) == MAX_LENGTH
    with pytest.raises(InvalidRef):
        ObjectRef.of(Term(pk="x" * (room + 1)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "blog",
        "blog.article",
        "blog.article:",
        "article:5",
        ".article:5",
        "blog.:5",
        "blog:article.5",
        "Blog.article:5",
        "blog.Article:5",
        "blog article:5",
        "blog.art-icle:5",
        "blog.article.x:5",
        "5.article:5",
        " blog.article:5",
        "\nblog.article:5",
        "blog.article:5\n",
        "blog.article:\x00",
        "blog.article:\x7f",
        "blog.article:\udfff",
        "blög.article:5",
        "blog.article:" + "5" * MAX_LENGTH,
    ],
)
def test_a_text_that_names_nothing(text: str) -> None:
    with pytest.raises(InvalidRef):
        ObjectRef.parse(text)


def test_the_error_holds_little_of_the_text() -> None:
    with pytest.raises(InvalidRef) as caught:
        ObjectRef.parse("x" * 1_000_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("model", "expected"),
    [(Article, Article), (News, Article), (Product, Product), (Comment, Comment)],
)
def test_tracked_model(model: Any, expected: Any) -> None:
    assert tracked_model(model) is expected


@isolate_apps("tests.blog")
def test_a_key_of_several_columns() -> None:
    """Such a key has no string that its model could parse."""

    class Offer(PageViewStatisticsMixin, models.Model):
        pk = models.CompositePrimaryKey("shop", "number")
        shop = models.IntegerField()
        number = models.IntegerField()

        class Meta:
            app_label = "blog"

    with pytest.raises(InvalidRef, match="a key of one field"):
        ObjectRef.of(Offer(shop=1, number=2))


@isolate_apps("tests.blog")
def test_a_proxy_is_its_model() -> None:
    class Headline(News):
        class Meta:
            app_label = "blog"
            proxy = True

    assert tracked_model(Headline) is Article
    assert str(ObjectRef.of(Headline(id=5))) == "blog.article:5"


@isolate_apps("tests.blog")
def test_an_abstract_base_names_nothing() -> None:
    class Tracked(PageViewStatisticsMixin, models.Model):
        class Meta:
            app_label = "blog"
            abstract = True

    class Recipe(Tracked):
        class Meta:
            app_label = "blog"

        def __str__(self) -> str:
            return "a recipe"

    assert str(ObjectRef.of(Recipe(pk=5))) == "blog.recipe:5"


@isolate_apps("tests.blog")
def test_a_proxy_that_brings_the_mixin() -> None:
    """A site tracks a model of another package through a proxy with the mixin."""

    class Tracked(PageViewStatisticsMixin, Comment):
        class Meta:
            app_label = "blog"
            proxy = True

    class Letter(Tracked):
        class Meta:
            app_label = "blog"

    assert str(ObjectRef.of(Tracked(pk=5))) == "blog.comment:5"
    assert tracked_model(Letter) is Letter


@isolate_apps("tests.blog")
def test_a_parent_without_the_mixin() -> None:
    class Letter(Comment, PageViewStatisticsMixin):
        class Meta:
            app_label = "blog"

    assert tracked_model(Letter) is Letter
    assert str(ObjectRef.of(Letter(pk=5))) == "blog.letter:5"
