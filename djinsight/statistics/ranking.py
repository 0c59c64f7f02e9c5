"""Ranking: find the most viewed objects, by the indexes of the statistics tables."""

from __future__ import annotations

import inspect
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet, Sum

from djinsight import database
from djinsight import days as calendar
from djinsight.conf import MAX_DAYS
from djinsight.exceptions import CountingUnavailable
from djinsight.tracked import content_types
from djinsight.tracked.registry import tracked_model

MAX_LIMIT = 1000
MAX_DEPTH = 512  # rows of each day to read; if they do not decide the ranking, all rows are read

SHOWN = ("published", "live", "public")

Ranked = list[tuple[str, int]]  # object id and views, most first


def shown(model: Any) -> QuerySet[Any]:
    """Return the objects of ``model`` that all visitors may see, as far as names of the model tell.

    These are the objects that ``published()``, ``live()`` and ``public()`` give, if the default manager or its queryset
    has these methods, as Wagtail's pages do; or the managers ``Model.published``, ``Model.live`` and ``Model.public``.
    For a model with none of them, these are all objects.

    Raises:
        ValueError: One of the methods needs an argument.
    """
    chosen: QuerySet[Any] = model._default_manager.all()
    for name in SHOWN:
        part = _shown_by(model, chosen, name)
        if part is not None:
            chosen = part
    return chosen


def _shown_by(model: Any, chosen: QuerySet[Any], name: str) -> QuerySet[Any] | None:
    method = getattr(chosen, name, None)  # a method of the queryset narrows it further
    if callable(method):
        return _called(model, name, method)
    manager = model._meta.managers_map.get(name)
    method = getattr(model._default_manager, name, None) if manager is None else manager.all
    if not callable(method):
        return None
    part = _called(model, name, method)
    return None if part is None else chosen.filter(pk__in=part.values("pk"))


def _called(model: Any, name: str, method: Any) -> QuerySet[Any] | None:
    try:
        inspect.signature(method).bind()
    except TypeError as error:
        text = f"expected a queryset, because {name}() of {model._meta.label} needs arguments ({error})"
        raise ValueError(text) from error
    found = method()
    return found if isinstance(found, QuerySet) and found.model._meta.concrete_model is _concrete(model) else None


def of_model(model: Any, queryset: Any) -> QuerySet[Any]:
    """Return ``queryset`` if its objects are of ``model``, of one of its children or of a proxy.

    Raises:
        ValueError: It is anything else. Primary keys of another model would find the wrong objects.
    """
    if not isinstance(queryset, QuerySet):
        got = f"a {type(queryset).__name__}"
    elif not issubclass(_concrete(queryset.model), _concrete(model)):
        got = f"one of {queryset.model._meta.label}"
    elif queryset._fields is not None:  # type: ignore[attr-defined]
        got = "one of values"
    else:
        return queryset
    raise ValueError(f"expected a queryset of {model._meta.label} but got {got}")


def _concrete(model: Any) -> Any:
    return model._meta.concrete_model


def most_viewed(queryset: QuerySet[Any], limit: int, days: int | None = None) -> list[Any]:
    """Return the most viewed objects of ``queryset``, the most viewed one first.

    This takes two queries, and two more each time that ``queryset`` has too few of the ranked objects.

    Args:
        queryset: The objects to choose from.
        limit: The most objects, from 1 to ``MAX_LIMIT``.
        days: Rank by the views of so many days, today included; None for the views of all time.

    Raises:
        ValueError: ``limit`` or ``days`` is out of range.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"expected a limit from 1 to {MAX_LIMIT} but got {limit}")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise ValueError(f"expected days from 1 to {MAX_DAYS} but got {days}")
    model = tracked_model(queryset.model)
    try:
        with database.reading():
            type_id = content_types.manager().get_by_natural_key(model._meta.app_label, model._meta.model_name).pk
    except (ContentType.DoesNotExist, CountingUnavailable):
        return []  # no object of the model was viewed yet, or the database does not answer
    found: list[Any] = []
    size, seen = limit, 0
    while True:
        try:
            with database.reading():
                ranked = top(type_id, size, days)
        except CountingUnavailable:
            return found[:limit]
        found += _objects(queryset, ranked[seen:])
        if len(found) >= limit or len(ranked) < size:
            return found[:limit]
        size, seen = size * 4, size


def top(type_id: int, size: int, days: int | None = None) -> Ranked:
    """Return the ``size`` most viewed objects of a content type. Objects with equal views are sorted by their ids."""
    if days is not None:
        last = calendar.now().day
        return _top_of_days(type_id, size, last - timedelta(days=days - 1), last)
    statistics = apps.get_model("djinsight", "PageViewStatistics")
    rows = statistics.objects.filter(content_type=type_id, total_views__gt=0).order_by("-total_views", "object_id")
    return list(rows.values_list("object_id", "total_views")[:size])


def _top_of_days(type_id: int, size: int, first: date, last: date) -> Ranked:
    """Return the ``size`` most viewed objects of the days from ``first`` to ``last``.

    This reads the first rows of each day, and more of them until no other object can be among the result. So it reads
    few of a million rows. It is the threshold algorithm of Fagin, Lotem and Naor (2003): an object that is not among
    the rows read of any day has at most the sum of the last numbers that were read.
    """
    summaries = apps.get_model("djinsight", "PageViewSummary")
    rows = summaries.objects.filter(content_type=type_id, date__range=(first, last))
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    depth = max(size, 32)
    while depth * len(span) <= MAX_DEPTH * 32:
        candidates: set[str] = set()
        threshold = 0
        for day in span:
            of_day = summaries.objects.filter(content_type=type_id, date=day).order_by("-total_views", "object_id")
            found = list(of_day.values_list("object_id", "total_views")[:depth])
            candidates.update(object_id for object_id, _ in found)
            threshold += found[-1][1] if len(found) == depth else 0
        ranked = _sums(rows.filter(object_id__in=candidates), size)
        if threshold == 0 or (len(ranked) == size and ranked[-1][1] > threshold):
            return ranked
        depth *= 4
    return _sums(rows, size)


def _sums(rows: QuerySet[Any], size: int) -> Ranked:
    sums = rows.order_by().values("object_id").annotate(n=Sum("total_views")).order_by("-n", "object_id")
    return list(sums.values_list("object_id", "n")[:size])


def _objects(queryset: QuerySet[Any], ranked: Ranked) -> list[Model]:
    """Return the objects of ``ranked`` that are in ``queryset``, in the order of ``ranked``."""
    pks: dict[Any, int] = {}
    for object_id, views in ranked:
        try:
            pks[queryset.model._meta.pk.to_python(object_id)] = views
        except ValidationError:
            continue  # the type of the primary key was changed
    objects = {obj.pk: obj for obj in queryset.filter(pk__in=list(pks))}
    found = []
    for pk, views in pks.items():
        if pk in objects:
            objects[pk].ranked_views = views
            found.append(objects[pk])
    return found
