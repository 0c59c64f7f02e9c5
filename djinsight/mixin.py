"""The mixin: what a tracked model can say about its views."""

from __future__ import annotations

from typing import Any, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.signals import class_prepared
from django.utils.translation import gettext_lazy as _

from djinsight import periods, ranking
from djinsight.beacons.refs import ObjectRef
from djinsight.columns import CountColumn, StatisticsColumn, TimeColumn
from djinsight.counting import totals
from djinsight.exceptions import InvalidRef
from djinsight.periods import Views


class PageViewStatisticsMixin:
    """Gives a model the statistics of its views. A plain class: first or last among the bases, no migration.

    ``total_views``, ``unique_views`` (numbers), ``first_viewed_at``, ``last_viewed_at`` (aware datetimes, or None)
    are live on an instance, persisted plus pending, and can be filtered, ordered, aggregated and joined in queries,
    which read what is persisted. The methods are live, too; an object that is not saved has no views.
    """

    # Migrations of the models that have it name this module: the public one, whichever the class is in.
    __module__ = "djinsight.models"

    djinsight_tracked = True

    def get_views_today(self) -> int:
        """Views since midnight in the site's time zone."""
        ref = _ref(self)
        return totals.read([ref])[ref].views_today if ref else 0

    def get_views_this_week(self) -> int:
        """Views since Monday, today included."""
        return _views(self).week

    def get_views_this_month(self) -> int:
        """Views since the first of the month, today included."""
        return _views(self).month

    def get_tracking_url(self) -> str:
        """Where the object is seen, ``""`` where it has no page. Override it for another address."""
        absolute = getattr(self, "get_absolute_url", None)
        return str((absolute() if absolute else getattr(self, "url", "")) or "")

    def get_display_name(self) -> str:
        """What people call the object: its ``title``, its ``name``, or ``str()``. Override it for another."""
        for name in ("title", "name"):
            value = getattr(self, name, "")
            if value and not callable(value):
                return str(value)
        return str(self)

    @classmethod
    def most_viewed(
        cls, limit: int = 10, *, days: int | None = None, queryset: models.QuerySet[Any] | None = None
    ) -> list[Self]:
        """The most viewed objects, most first: of all time, or of the last ``days``, today included.

        Ranked in the tables of statistics, by an index, however many objects there are; objects that were never
        viewed are not among them. ``queryset`` chooses among the objects of this class, as it stands. Without it
        they are those that the model shows to everybody: what ``published()``, ``live()`` and ``public()`` give
        where its default manager has them, else all. Each object has the persisted number it is ranked by as
        ``ranked_views``.

        Raises ValueError for a ``limit`` outside of 1 to 1,000, for fewer than one of ``days``, and for a
        ``queryset`` of another model.
        """
        chosen = ranking.shown(cls) if queryset is None else ranking.of_model(cls, queryset)
        return ranking.most_viewed(chosen, limit, days)


def _ref(obj: Any) -> ObjectRef | None:
    try:
        return ObjectRef.of(obj)
    except InvalidRef:
        return None  # not saved, or its key makes no ref


def _views(obj: Any) -> Views:
    ref = _ref(obj)
    return periods.read(totals.read([ref]))[ref] if ref else Views()


def add_columns(sender: type[models.Model], **kwargs: Any) -> None:
    """Give a model with the mixin its columns, when Django has prepared the class."""
    if not issubclass(sender, PageViewStatisticsMixin):
        return
    for name, column in (
        ("total_views", CountColumn(verbose_name=_("total views"))),
        ("unique_views", CountColumn(verbose_name=_("unique views"))),
        ("first_viewed_at", TimeColumn(verbose_name=_("first viewed"))),
        ("last_viewed_at", TimeColumn(verbose_name=_("last viewed"))),
    ):
        existing = getattr(sender, name, None)
        if existing is None:
            column.contribute_to_class(sender, name)
        elif not isinstance(existing, StatisticsColumn):
            raise FieldError(f"{sender._meta.label} has a {name} of its own, which PageViewStatisticsMixin provides")


class_prepared.connect(add_columns, dispatch_uid="djinsight.columns")
