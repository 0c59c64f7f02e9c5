"""Rankings: the most viewed objects, from the side of the statistics and by their indexes."""

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
MAX_DEPTH = 512  # rows of each day that are looked at before all of them are

SHOWN = ("published", "live", "public")

Ranked = list[tuple[str, int]]  # object id and views, most first


def shown(model: Any) -> QuerySet[Any]:
    """Return the objects of ``model`` that everybody may see, as far as its own names say which.

    Those are what ``published()``, ``live()`` and ``public()`` give, where the default manager or its queryset has
    them, as Wagtail's pages do; or the managers ``Model.published``, ``Model.live`` and ``Model.public``. A model
    with none of them shows all. Raises ValueError if one of the methods asks for an argument.
    """
    chosen: QuerySet[Any] = model._default_manager.all()
    for name in SHOWN:
        part = _shown_by(model, chosen, name)
        if part is not None:
            chosen = part
    return chosen


def _shown_by(model: Any, chosen: QuerySet[Any], name: str) -> QuerySet[Any] | None:
    method = getattr(chosen, name, None)  # of the queryset: it narrows what the others have left
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
        text = f"expected a queryset, as {model._meta.label} says what is shown by {name}() with arguments ({error})"
        raise ValueError(text) from error
    found = method()
    return found if isinstance(found, QuerySet) and found.model._meta.concrete_model is _concrete(model) else None


def of_model(model: Any, queryset: Any) -> QuerySet[Any]:
    """Return ``queryset`` if its objects are of ``model``, of one of its children or of a proxy.

    Raises ValueError for everything else: another model's objects have other keys, and what is found by them is wrong.
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
    """The ``limit`` most viewed objects of ``queryset``, most first: of all time, or of the last ``days``.

    Two queries, and as many again for each time that ``queryset`` leaves too many of the ranked out. Raises ValueError.
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
        return []  # nothing of it was viewed yet, or the database does not tell
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
    """The ``size`` most viewed objects of a content type; equals in the order of their ids."""
    if days is not None:
        last = calendar.now().day
        return _top_of_days(type_id, size, last - timedelta(days=days - 1), last)
    statistics = apps.get_model("djinsight", "PageViewStatistics")
    rows = statistics.objects.filter(content_type=type_id, total_views__gt=0).order_by("-total_views", "object_id")
    return list(rows.values_list("object_id", "total_views")[:size])


def _top_of_days(type_id: int, size: int, first: date, last: date) -> Ranked:
    """The first rows of each day, until no other object can come among them; so a few of a million rows are read.

    The threshold algorithm of Fagin, Lotem and Naor (2003): what is not among the first of any day has at most the
    sum of the last numbers that were seen.
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
    """The objects of ``ranked`` that are in ``queryset``, in that order."""
    pks: dict[Any, int] = {}
    for object_id, views in ranked:
        try:
            pks[queryset.model._meta.pk.to_python(object_id)] = views
        except ValidationError:
            continue  # the primary key has another type than it had
    objects = {obj.pk: obj for obj in queryset.filter(pk__in=list(pks))}
    found = []
    for pk, views in pks.items():
        if pk in objects:
            objects[pk].ranked_views = views
            found.append(objects[pk])
    return found
