"""The most viewed pages: rank pages by the rows of their statistics, without reading pages that were never viewed."""

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

CHUNK = 500  # pages in one query


def tracked_page_types() -> list[type[Any]]:
    """Return the page types with the mixin whose views are counted by the primary key of the page."""
    return [
        model
        for model in get_page_models()
        if is_tracked_model(model) and issubclass(tracked_model(model), AbstractPage)
    ]


def rank(pages: QuerySet[Any], since: date | None = None) -> QuerySet[Any, Any]:
    """Return the viewed pages among ``pages``, the most viewed first.

    The database finds the rows by their content type, and the page of each row by its key. So the cost grows with the
    number of viewed pages, not with the number of all pages.

    Args:
        pages: The pages to rank.
        since: The first day to count, in the site's time zone; None for all time.

    Returns:
        A queryset of dicts with ``object_id`` and ``views``; for all time also with ``visitors`` and
        ``last_viewed_at``.
    """
    counted = ContentType.objects.get_for_models(*set(map(tracked_model, tracked_page_types()))).values()
    # The object ids in rows of these types are primary keys of pages.
    page = Exists(pages.order_by().filter(pk=Cast(OuterRef("object_id"), pages.model._meta.pk)))
    if since is None:
        totals = PageViewStatistics.objects.filter(page, content_type__in=counted)
        numbers = {"views": F("total_views"), "visitors": F("unique_views")}
        return totals.order_by("-total_views", "object_id").values("object_id", "last_viewed_at", **numbers)
    summaries = PageViewSummary.objects.filter(page, content_type__in=counted, date__gte=since)
    return summaries.values("object_id").annotate(views=Sum("total_views")).order_by("-views", "object_id")


def pages_of(ranked: Sequence[dict[str, Any]], pages: Any) -> Iterator[Any]:
    """Yield the specific pages of a ranking in its order, each with its dict as the attribute ``ranked``.

    Pages are fetched ``CHUNK`` at a time, with one query for each page type.

    Args:
        ranked: The dicts that ``rank`` found.
        pages: A queryset of pages, which decides the prefetched data.
    """
    for start in range(0, len(ranked), CHUNK):
        part = ranked[start : start + CHUNK]
        found = pages.filter(pk__in=[row["object_id"] for row in part]).specific()
        by_id = {str(page.pk): page for page in found}
        for row in part:
            page = by_id.get(row["object_id"])
            if page is not None:  # it may have been deleted since the ranking
                page.ranked = row
                yield page
