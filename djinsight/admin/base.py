"""Base classes of the admin pages: nothing can be changed, and no query counts a whole table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djinsight import database
from djinsight.exceptions import InvalidRef
from djinsight.models import PageViewStatistics
from djinsight.tracked import content_types, objects
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.registry import tracked_model, tracked_models
from djinsight.tracked.rows import Key, rows_of

COUNT_TO = 10_000  # rows of a list; filters lead to rows after these
FOUND_BY_NAME = 200  # objects of each model that a search by name finds
OBJECTS = 20  # of several objects that a search of a long list finds: those that were viewed last
ROWS = 200  # the newest rows of several objects


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to ``COUNT_TO``, because a COUNT(*) of a large log would take seconds on every page.

    The rows of a page are found in an index, which has their order and their primary keys, and then read by these keys.
    """

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        number: int = rows.order_by()[:COUNT_TO].count()  # unsorted, because a sort would read all rows
        return number

    def page(self, number: int | str) -> Page[Any]:
        page = super().page(number)
        rows: Any = page.object_list
        pks = list(rows.values_list("pk", flat=True))
        # With no other condition, so that a database does not prefer another index to that of the keys.
        page.object_list = rows.model._default_manager.using(rows.db).filter(pk__in=pks).order_by(*rows.query.order_by)
        return page


class OrderedChangeList(ChangeList):
    """Sorts a list with ``sortable_by`` by its own order or the reverse of it only, whatever the address asks for.

    An index serves these two. Django reads any column from the address, and sorts equal rows by another rule.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        asked: list[Any] = super().get_ordering(request, queryset)
        if not self.model_admin.sortable_by:
            return asked
        ordering: Any = self.model_admin.get_ordering(request)
        own: list[str] = list(ordering)
        reverse = [name.removeprefix("-") if name.startswith("-") else f"-{name}" for name in own]
        return reverse if asked[:1] == reverse[:1] else own


class ObjectsChangeList(OrderedChangeList):
    """Fetches the objects of the rows on the page with one query for each model."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list
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
    list_per_page = 25  # Django renders a row in half a millisecond and more

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OrderedChangeList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfObjectAdmin(ReadOnlyAdmin):
    """Shows rows that belong to a tracked object."""

    search_fields = ("=object_id",)
    exact_fields: ClassVar[Sequence[str]] = ()  # further fields that a search compares as a whole, each with an index
    time_field: ClassVar[str] = ""  # of a list with many rows of an object: the field that its index has after them
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
        return str(content_types.manager().get_for_id(row.content_type_id).name)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Find rows by ``exact_fields``, or by the ref, id or name of their object, all with indexes.

        Each condition is asked for alone. An OR of them would read all rows that match, and sort them.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        for name in self.exact_fields:
            if database.rows(self.model).filter(**{name: term}).exists():
                return queryset.filter(**{name: term}), False
        by_type = self._found(request, term)
        if not self.time_field:
            return queryset.filter(_of(by_type)), False
        keys = self._viewed_last(term, by_type)
        if len(keys) > 1:
            return queryset.filter(pk__in=self._newest(queryset, term, keys)), False
        return (queryset.filter(**_of_key(keys[0])) if keys else queryset.none()), False

    def _found(self, request: HttpRequest, term: str) -> dict[int, list[str]]:
        """Return the ids of objects that ``term`` is the ref, id or name of, by content type.

        The name is searched for in models whose own admin has a search, among the objects that it shows to the user.
        """
        try:
            (key,) = rows_of([ObjectRef.parse(term)])[0]
            return {key[0]: [key[1]]}
        except (InvalidRef, ValueError):
            pass
        of_type = database.rows(self.model).filter(content_type=OuterRef("pk"), object_id=term)
        types = content_types.manager().filter(Exists(of_type)).values_list("pk", flat=True)
        found = {pk: [term] for pk in types}
        for model in tracked():
            model_admin = self.admin_site._registry.get(model)
            if model_admin is None or not model_admin.get_search_fields(request):
                continue
            if not model_admin.has_view_permission(request):
                continue
            visible = model_admin.get_queryset(request)
            named, _distinct = model_admin.get_search_results(request, visible, term)
            type_id = content_types.manager().get_for_model(model).pk
            pks = map(str, named.values_list("pk", flat=True)[:FOUND_BY_NAME])
            found[type_id] = list(dict.fromkeys([*found.get(type_id, []), *pks]))
        return {type_id: object_ids for type_id, object_ids in found.items() if object_ids}

    def _viewed_last(self, term: str, by_type: dict[int, list[str]]) -> list[Key]:
        """Return the keys of the objects with this id, and of the ``OBJECTS`` others that were viewed last."""
        keys = [(type_id, object_id) for type_id, object_ids in by_type.items() for object_id in object_ids]
        if len(keys) < 2:
            return keys
        # Sorted here, because a database may prefer to read its index of times, which is long, from the newest on.
        viewed = database.rows(PageViewStatistics).filter(_of(by_type), last_viewed_at__isnull=False)
        last = nlargest(OBJECTS, viewed.values_list("last_viewed_at", "content_type_id", "object_id"))
        of_id = [key for key in keys if key[1] == term]
        return list(dict.fromkeys([*of_id, *((type_id, object_id) for _, type_id, object_id in last)]))

    def _newest(self, queryset: QuerySet[Any], term: str, keys: Sequence[Key]) -> list[Any]:
        """Return the primary keys of the newest ``ROWS`` rows of several objects.

        They are as new as row number ``ROWS`` of any one of the objects, and only rows that are so new are sorted. They
        are sorted here, because a database that is asked for an order may read the rows of all objects in its order.
        """
        time = self.time_field

        def last(type_id: OuterRef, object_id: Any) -> Subquery:
            rows = queryset.filter(content_type=type_id, object_id=object_id).order_by(f"-{time}")
            return Subquery(rows.values(time)[ROWS - 1 : ROWS])

        by_type = _by_type(keys)
        types = content_types.manager().filter(pk__in=[type_id for type_id, object_id in keys if object_id == term])
        viewed = database.rows(PageViewStatistics).filter(_of(by_type))
        times = [
            *types.values_list(last(OuterRef("pk"), term), flat=True),  # deleted objects have no statistics
            *viewed.values_list(last(OuterRef("content_type"), OuterRef("object_id")), flat=True),
        ]
        since = max(filter(None, times), default=None)
        newest: list[tuple[Any, Any]] = []
        for type_id, object_ids in by_type.items():
            rows = queryset.filter(content_type=type_id, object_id__in=object_ids)
            if since is not None:
                rows = rows.filter(**{f"{time}__gte": since})
            newest = nlargest(ROWS, [*newest, *rows.order_by().values_list(time, "pk")])
        return [pk for _, pk in newest]

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


def among_newest(queryset: QuerySet[Any], time_field: str, number: int) -> QuerySet[Any]:
    """Return the rows of ``queryset`` that are among the newest ``number`` of their table."""
    times = database.rows(queryset.model).order_by(f"-{time_field}").values_list(time_field, flat=True)
    oldest = times[number - 1 : number].first()
    return queryset if oldest is None else queryset.filter(**{f"{time_field}__gte": oldest})


def _of(by_type: dict[int, list[str]]) -> Q:
    """Return the condition for the rows of objects, whose ids are given by content type."""
    where = Q(pk__in=[])
    for type_id, object_ids in by_type.items():
        where |= Q(content_type=type_id, object_id__in=object_ids)
    return where


def _by_type(keys: Iterable[Key]) -> dict[int, list[str]]:
    by_type: dict[int, list[str]] = {}
    for type_id, object_id in keys:
        by_type.setdefault(type_id, []).append(object_id)
    return by_type


def _of_key(key: Key) -> dict[str, Any]:
    return {"content_type": key[0], "object_id": key[1]}


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
