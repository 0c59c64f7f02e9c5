"""What persist could not do as usual: what was lost, and what was set aside."""

from __future__ import annotations

from django.contrib import admin

from djinsight.admin.base import ReadOnlyAdmin
from djinsight.models import DataLoss, DeadLetter, PersistCursor


@admin.register(DataLoss)
class DataLossAdmin(ReadOnlyAdmin):
    list_display = ("kind", "views", "shard", "happened_at")
    list_filter = ("kind", "happened_at")
    ordering = ("-happened_at", "-pk")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("entry_id", "shard", "error", "arrived_at")
    list_filter = ("arrived_at",)
    search_fields = ("=entry_id", "error")
    ordering = ("-arrived_at", "-pk")


@admin.register(PersistCursor)
class PersistCursorAdmin(ReadOnlyAdmin):
    list_display = ("shard", "last_id", "last_seq", "epoch", "moved_at")
    ordering = ("shard",)
