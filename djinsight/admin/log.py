"""The log of views."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from djinsight.admin.base import ModelFilter, OfObjectAdmin
from djinsight.models import PageViewLog


@admin.register(PageViewLog)
class PageViewLogAdmin(OfObjectAdmin):
    list_display = ("tracked", "model_name", "timestamp", "is_unique", "url", "referrer", "visitor", "ip_address")
    list_display_links = ("timestamp",)  # the object's name leads to the object
    list_filter = (ModelFilter, "timestamp", "is_unique")
    search_fields = ("=object_id", "=view_id", "=visitor", "url__startswith")
    search_help_text = _("The name of an object, its id, a view id, a visitor, or how a URL begins")
    ordering = ("-timestamp", "-pk")
    # Sorting a large log by a column without an index would read all of it.
    sortable_by = ("timestamp",)
    fields = ("tracked", "content_type", "object_id", "view_id", *list_display[2:], "user_agent")
    readonly_fields = ("tracked",)
