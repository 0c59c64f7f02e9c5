"""The report "Most viewed pages" in Wagtail's admin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import ContentTypeFilter, WagtailFilterSet
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.ui.tables import Column, DateColumn, NumberColumn
from wagtail.admin.ui.tables.pages import PageStatusColumn, PageTable, PageTitleColumn
from wagtail.admin.views.reports import ReportView
from wagtail.models import Site

from djinsight import days
from djinsight.wagtail.access import may_see_report, page_model, page_policy
from djinsight.wagtail.most_viewed import pages_of, rank, tracked_page_types

PERIODS = (("7", _("Last 7 days")), ("30", _("Last 30 days")))
ALL_TIME_ONLY = ("ranked.visitors", "ranked.last_viewed_at")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # the first characters of cells that spreadsheets run as formulas


def page_types(request: HttpRequest) -> QuerySet[ContentType]:
    """Return the content types of tracked page types, the choices of a filter."""
    types = ContentType.objects.get_for_models(*tracked_page_types()).values()
    return ContentType.objects.filter(pk__in=[each.pk for each in types]).order_by("model")


def sites() -> list[tuple[str, str]]:
    """Return the choices of sites: the tree path of the root page, and the site's name."""
    return [(site.root_page.path, str(site)) for site in Site.objects.select_related("root_page")]


class MostViewedFilterSet(WagtailFilterSet):  # type: ignore[misc]
    """The filters of the report: a period, a page type and a site."""

    period = django_filters.ChoiceFilter(
        label=_("Period"),
        choices=PERIODS,
        empty_label=_("All time"),
        method="leave",
        widget=forms.RadioSelect,
    )
    content_type = ContentTypeFilter(label=_("Page type"), queryset=page_types, empty_label=_("All"))
    site = django_filters.ChoiceFilter(
        label=_("Site"),
        choices=sites,
        field_name="path",
        lookup_expr="startswith",
        empty_label=_("All"),
        widget=forms.RadioSelect,
    )

    class Meta:
        model = page_model()
        fields = ("period", "content_type", "site")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(sites()) < 2:
            del self.filters["site"]

    def leave(self, pages: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Return all pages, because the period selects views and not pages."""
        return pages


class PagesPaginator(WagtailPaginator):  # type: ignore[misc]
    """Names its items pages, although it counts rows of statistics."""

    model = page_model()


class MostViewedPagesView(ReportView):  # type: ignore[misc]
    """Lists the pages that the user may explore, ranked by their persisted views."""

    page_title = _("Most viewed pages")
    header_icon = "view"
    model = page_model()
    verbose_name = model._meta.verbose_name
    verbose_name_plural = model._meta.verbose_name_plural
    filterset_class = MostViewedFilterSet
    table_class = PageTable
    paginator_class = PagesPaginator
    index_url_name = "djinsight_wagtail:most_viewed"
    index_results_url_name = "djinsight_wagtail:most_viewed_results"
    export_filename = "most-viewed-pages"
    export_headings = {
        "title": _("Title"),
        "full_url": _("URL"),
        "page_type_display_name": _("Page type"),
        "ranked.views": _("Views"),
        "ranked.visitors": _("Visitors"),
        "ranked.last_viewed_at": _("Last viewed"),
    }
    custom_value_preprocess = {
        **ReportView.custom_value_preprocess,
        str: {"csv": lambda value: f"'{value}" if value.startswith(FORMULA) else value},
    }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_see_report(request.user):
            raise PermissionDenied
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    @cached_property
    def since(self) -> date | None:
        """Return the first day of the chosen period, which ends today; None for all time."""
        chosen = self.filters.is_valid() and self.filters.form.cleaned_data["period"]
        return days.now().day - timedelta(days=int(chosen) - 1) if chosen else None

    @cached_property
    def columns(self) -> list[Any]:
        columns = [
            PageTitleColumn("title", label=_("Title")),
            Column("page_type_display_name", label=_("Page type"), width="15%"),
            PageStatusColumn("status", label=_("Status"), width="10%"),
            NumberColumn("views", label=_("Views"), accessor="ranked.views", width="10%"),
        ]
        if self.since is None:
            columns += [
                NumberColumn("visitors", label=_("Visitors"), accessor="ranked.visitors", width="10%"),
                DateColumn("last_viewed_at", label=_("Last viewed"), accessor="ranked.last_viewed_at", width="15%"),
            ]
        return columns

    @cached_property
    def list_export(self) -> list[str]:
        """Return the columns of an export.

        The visitors of a period are unknown, because the visitors of its days can be the same people.
        """
        return [name for name in self.export_headings if self.since is None or name not in ALL_TIME_ONLY]

    def get_filtered_queryset(self) -> QuerySet[Any, Any]:
        return rank(self.filter_queryset(page_policy().explorable_instances(self.request.user)), self.since)

    def get_table(self, object_list: Sequence[dict[str, Any]]) -> PageTable:
        return super().get_table([] if self.is_export else list(pages_of(object_list, self.listed)))

    def decorate_paginated_queryset(self, object_list: Sequence[dict[str, Any]]) -> Any:
        return pages_of(object_list, page_model().objects.defer_streamfields()) if self.is_export else object_list

    @property
    def listed(self) -> Any:
        """The queryset of pages with the data that Wagtail's listing columns read."""
        pages = page_model().objects.defer_streamfields().prefetch_related("sites_rooted_here")
        return pages.prefetch_workflow_states().annotate_site_root_state().annotate_approved_schedule()
