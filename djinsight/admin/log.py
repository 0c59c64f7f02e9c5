"""The admin of the log of views."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from djinsight.admin.base import ModelFilter, OfObjectAdmin, among_newest
from djinsight.models import PageViewLog

URLS = 20_000  # newest views whose URLs a search compares, in 20 ms


@admin.register(PageViewLog)
class PageViewLogAdmin(OfObjectAdmin):
    """Shows logged views."""

    list_display = ("tracked", "model_name", "timestamp", "is_unique", "url", "referrer", "visitor", "ip_address")
    list_display_links = ("timestamp",)  # the name of the object links to the object
    list_filter = (ModelFilter, "timestamp", "is_unique")
    exact_fields = ("view_id", "visitor")
    time_field = "timestamp"
    search_help_text = _("The name of an object, its id, a view id, a visitor, or the beginning of a recent view's URL")
    ordering = ("-timestamp", "-pk")
    # A sort of a large log by a column without an index would read all of it.
    sortable_by = ("timestamp",)
    fields = ("tracked", "content_type", "object_id", "view_id", *list_display[2:], "user_agent")
    readonly_fields = ("tracked",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Find views by the beginning of their URL, among the newest ``URLS`` views, or by an index.

        URLs have no index, because it would be as large as the log.
        """
        term = search_term.strip()
        if not term.startswith("/") and "://" not in term:
            return super().get_search_results(request, queryset, search_term)
        return among_newest(queryset, "timestamp", URLS).filter(url__startswith=term), False
