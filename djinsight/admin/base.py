"""Base classes of the admin pages: nothing can be changed, and no query counts a whole table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djinsight.tracked import content_types, objects
from djinsight.tracked.registry import tracked_model, tracked_models

COUNT_TO = 10_000  # rows of a list; filters lead to rows after these
FOUND_BY_NAME = 500  # objects of each model that a search by name finds


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to ``COUNT_TO``, because a COUNT(*) of a large log would take seconds on every page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        number: int = rows.order_by()[:COUNT_TO].count()  # unsorted, because a sort would read all rows
        return number


class ObjectsChangeList(ChangeList):
    """Fetches the objects of the rows on the page with one query for each model."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found = objects.fetch({(row.content_type_id, row.object_id) for row in self.result_list})
        for row in self.result_list:
            row.tracked_object = found.get((row.content_type_id, row.object_id))


class ModelFilter(admin.SimpleListFilter):
    """Filters by the model of the object. Its choices need no query of the table."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(model._meta.label_lower, str(model._meta.verbose_name_plural).capitalize()) for model in tracked()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for model in tracked():
            if model._meta.label_lower == self.value():
                return queryset.filter(content_type=content_types.manager().get_for_model(model))
        return queryset


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows rows that only workers write."""

    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # facets would count the whole table
    paginator = CappedPaginator
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfObjectAdmin(ReadOnlyAdmin):
    """Shows rows that belong to a tracked object."""

    list_select_related = ("content_type",)
    search_fields = ("=object_id",)
    exact_fields: ClassVar[Sequence[str]] = ()  # further fields that a search compares as a whole, each with an index
    search_help_text = _("The name of an object, or its id")

    class Media:
        css: ClassVar = {"all": ["djinsight/admin.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ObjectsChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row with its tracked object, whose name is the heading of the page."""
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            key = (row.content_type_id, row.object_id)
            row.tracked_object = objects.fetch([key]).get(key)
            row.object_name = objects.display_name(row.tracked_object) if row.tracked_object else ""
        return row

    @admin.display(description=_("object"))
    def tracked(self, row: Any) -> str | SafeString:
        """Return the name of the object, linked to its page in the admin or on the site."""
        obj = row.tracked_object
        if obj is None:
            return str(row.object_label)
        url = self._url_of(obj)
        name = objects.display_name(obj)
        return format_html('<a href="{}">{}</a>', url, name) if url else name

    @admin.display(description=_("model"))
    def model_name(self, row: Any) -> str:
        return str(row.content_type.name)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Find rows by the id of their object, by ``exact_fields``, or by the name of their object, all with indexes.

        The name is searched for in models whose own admin has a search, among the objects that it shows to the user.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        types = list(content_types.manager().values_list("pk", flat=True))  # the indexes begin with the type
        found_by = Q(content_type__in=types, object_id=term)
        for name in self.exact_fields:
            found_by |= Q(**{name: term})
        for model in tracked():
            model_admin = self.admin_site._registry.get(model)
            if model_admin is None or not model_admin.get_search_fields(request):
                continue
            if not model_admin.has_view_permission(request):
                continue
            visible = model_admin.get_queryset(request)
            found, _distinct = model_admin.get_search_results(request, visible, search_term)
            pks = [str(pk) for pk in found.values_list("pk", flat=True)[:FOUND_BY_NAME]]
            if pks:
                found_by |= Q(content_type=content_types.manager().get_for_model(model), object_id__in=pks)
        return queryset.filter(found_by), False

    def _url_of(self, obj: Model) -> str:
        opts = obj._meta
        if self.admin_site.is_registered(type(obj)):
            try:
                return reverse(
                    f"admin:{opts.app_label}_{opts.model_name}_change", args=[obj.pk], current_app=self.admin_site.name
                )
            except NoReverseMatch:
                pass
        tracking_url = getattr(obj, "get_tracking_url", None) or getattr(obj, "get_absolute_url", None)
        try:
            url = str(tracking_url()) if tracking_url else ""
        except NoReverseMatch:
            return ""  # such as for a draft without a slug
        return url if _is_link(url) else ""


def _is_link(url: str) -> bool:
    """Return whether ``url`` is safe to link; ``javascript:`` would run with the rights of the user."""
    try:
        return urlsplit(url).scheme in {"", "http", "https"}
    except ValueError:
        return False


def tracked() -> list[type[Model]]:
    """Return the models that rows can belong to.

    A view of an object of multi-table inheritance belongs to its topmost parent with the mixin.
    """
    return list(dict.fromkeys(map(tracked_model, tracked_models())))
