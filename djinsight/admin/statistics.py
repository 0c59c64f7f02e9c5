"""The admin of totals and daily summaries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from djinsight.admin.base import ModelFilter, OfObjectAdmin
from djinsight.metrics import COUNTS, TIMES, names
from djinsight.models import PageViewStatistics, PageViewSummary

_TOTALS: list[Any] = names((*COUNTS, *TIMES))
_OF_DAY: list[Any] = names(COUNTS)


@admin.register(PageViewStatistics)
class PageViewStatisticsAdmin(OfObjectAdmin):
    """Shows the totals of each object."""

    list_display = ("tracked", "model_name", *_TOTALS)
    list_display_links = ("total_views",)  # the name of the object links to the object
    list_filter = (ModelFilter, "last_viewed_at")
    ordering = ("-total_views", "-pk")
    # A sort by a column without an index would read all rows.
    sortable_by = ("total_views",)
    fields = ("tracked", "content_type", "object_id", *_TOTALS)
    readonly_fields = ("tracked",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Sort by the last view if the list is filtered by it, because no index has a period in another order."""
        if any(name.startswith("last_viewed_at") for name in request.GET):
            return "-last_viewed_at", "-pk"
        return self.ordering


@admin.register(PageViewSummary)
class PageViewSummaryAdmin(OfObjectAdmin):
    """Shows the views of each object by day."""

    list_display = ("tracked", "model_name", "date", *_OF_DAY)
    list_display_links = ("date",)  # the name of the object links to the object
    list_filter = (ModelFilter, "date")
    time_field = "date"
    ordering = ("-date", "-total_views", "-pk")
    sortable_by = ("date",)
    fields = ("tracked", "content_type", "object_id", "date", *_OF_DAY)
    readonly_fields = ("tracked",)
