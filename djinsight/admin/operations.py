"""What did not go as usual: what was lost, set aside, or refused."""

from __future__ import annotations

from django.contrib import admin

from djinsight.admin.base import ReadOnlyAdmin
from djinsight.models import DataLoss, DeadLetter, PersistCursor, RefusalCount


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


@admin.register(RefusalCount)
class RefusalCountAdmin(ReadOnlyAdmin):
    list_display = ("date", "reason", "refused")
    list_filter = ("date", "reason")
    ordering = ("-date", "-refused")
