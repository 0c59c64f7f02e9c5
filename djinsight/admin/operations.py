"""The admin of operations: data losses, dead letters, cursors and refusals."""

from __future__ import annotations

from django.contrib import admin

from djinsight.admin.base import ReadOnlyAdmin
from djinsight.models import DataLoss, DeadLetter, PersistCursor, RefusalCount


@admin.register(DataLoss)
class DataLossAdmin(ReadOnlyAdmin):
    """Shows data losses."""

    list_display = ("kind", "views", "shard", "happened_at")
    list_filter = ("kind", "happened_at")
    ordering = ("-happened_at", "-pk")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Shows dead letters, the entries that could not be stored."""

    list_display = ("entry_id", "shard", "error", "arrived_at")
    list_filter = ("arrived_at",)
    search_fields = ("=entry_id", "error")
    ordering = ("-arrived_at", "-pk")


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
