"""The admin of operations: data losses, dead letters, cursors and refusals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from djinsight.admin.base import ReadOnlyAdmin, among_newest
from djinsight.models import DataLoss, DeadLetter, PersistCursor, RefusalCount

ERRORS = 20_000  # newest dead letters whose errors a search compares


@admin.register(DataLoss)
class DataLossAdmin(ReadOnlyAdmin):
    """Shows data losses."""

    list_display = ("kind", "views", "shard", "happened_at")
    list_filter = ("kind", "happened_at")
    ordering = ("-happened_at", "-pk")
    sortable_by = ("happened_at",)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Shows dead letters, the entries that could not be stored."""

    list_display = ("entry_id", "shard", "error", "arrived_at")
    list_filter = ("arrived_at",)
    search_fields = ("=entry_id", "error")
    search_help_text = _("A stream id, or a part of a recent error")
    ordering = ("-arrived_at", "-pk")
    sortable_by = ("arrived_at",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Find the letters of a stream id by an index, or of a part of an error among the newest ``ERRORS``."""
        term = search_term.strip()
        if not term:
            return queryset, False
        of_entry = queryset.filter(entry_id=term)
        if of_entry.exists():
            return of_entry, False
        return among_newest(queryset, "arrived_at", ERRORS).filter(error__icontains=term), False


@admin.register(PersistCursor)
class PersistCursorAdmin(ReadOnlyAdmin):
    """Shows how far each shard is persisted."""

    list_display = ("shard", "last_id", "last_seq", "epoch", "moved_at")
    ordering = ("shard",)


@admin.register(RefusalCount)
class RefusalCountAdmin(ReadOnlyAdmin):
    """Shows refusals by day and reason."""

    list_display = ("date", "reason", "refused")
    list_filter = ("date", "reason")
    ordering = ("-date", "-refused")
