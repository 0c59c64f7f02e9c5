"""Pages ranked by their views, from the side of the statistics: the numbers of all other pages are never looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Cast
from wagtail.models import AbstractPage, get_page_models

from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.tracked.registry import is_tracked_model, tracked_model

CHUNK = 500  # pages fetched at once


def tracked_page_types() -> list[type[Any]]:
    """The page types with the mixin, those that are counted under the primary key of their page."""
    return [
        model
        for model in get_page_models()
        if is_tracked_model(model) and issubclass(tracked_model(model), AbstractPage)
    ]


def rank(pages: QuerySet[Any], since: date | None = None) -> QuerySet[Any, Any]:
    """The viewed among ``pages``, most viewed first, as dicts of ``object_id`` and ``views``; for all time also
    ``visitors`` and ``last_viewed_at``.

    ``since`` is the first day that counts, in the site's time zone; None for all time. The rows are found by their
    type, and of each the page by its key: what it costs grows with the viewed pages, not with the pages.
    """
    counted = ContentType.objects.get_for_models(*set(map(tracked_model, tracked_page_types()))).values()
    # The ids in rows of these types are primary keys of pages.
    page = Exists(pages.order_by().filter(pk=Cast(OuterRef("object_id"), pages.model._meta.pk)))
    if since is None:
        totals = PageViewStatistics.objects.filter(page, content_type__in=counted)
        numbers = {"views": F("total_views"), "visitors": F("unique_views")}
        return totals.order_by("-total_views", "object_id").values("object_id", "last_viewed_at", **numbers)
    summaries = PageViewSummary.objects.filter(page, content_type__in=counted, date__gte=since)
    return summaries.values("object_id").annotate(views=Sum("total_views")).order_by("-views", "object_id")


def pages_of(ranked: Sequence[dict[str, Any]], pages: Any) -> Iterator[Any]:
    """Of ``pages``, those that ``rank`` found, specific, in its order, each with its dict as ``ranked``.

    Fetched by ``CHUNK``, in a query for each page type.
    """
    for start in range(0, len(ranked), CHUNK):
        part = ranked[start : start + CHUNK]
        found = pages.filter(pk__in=[row["object_id"] for row in part]).specific()
        by_id = {str(page.pk): page for page in found}
        for row in part:
            page = by_id.get(row["object_id"])
            if page is not None:  # else it was deleted a moment ago
                page.ranked = row
                yield page
