"""Mixin: give a model the statistics of its views."""

from __future__ import annotations

from typing import Any, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.signals import class_prepared

from djinsight.metrics import COUNTS, TIMES, Kind
from djinsight.statistics import options, peers, ranking
from djinsight.statistics.columns import CountColumn, StatisticsColumn, TimeColumn


class PageViewStatisticsMixin:
    """Gives a model the statistics of its views.

    It is a plain class: it may be the first or the last base, and the model needs no migration.

    ``total_views`` and ``unique_views`` are numbers, ``first_viewed_at`` and ``last_viewed_at`` aware datetimes or
    None. On an instance they are live: the persisted views plus the pending ones. In queries they can be filtered,
    ordered, aggregated and joined, and are the persisted ones. The methods are live, too. An object that is not saved
    has no views.
    """

    # A site's migrations name this module, so it is the public one, not the one that has the class.
    __module__ = "djinsight.models"

    djinsight_tracked = True

    @classmethod
    def add_to_class(cls, name: str, value: Any) -> None:
        """Add an attribute to the class, and replace its ``_meta`` with options that know the virtual columns."""
        options.add_to_class(cls, getattr(super(), "add_to_class", None), name, value)

    def get_views_today(self) -> int:
        """Return the views since midnight in the site's time zone."""
        snapshot = peers.snapshot(self, "views_today")
        return 0 if snapshot is None else snapshot.views_today

    def get_views_this_week(self) -> int:
        """Return the views since Monday in the site's time zone, today included."""
        return peers.views(self, "week").week

    def get_views_this_month(self) -> int:
        """Return the views since the first of the month in the site's time zone, today included."""
        return peers.views(self, "month").month

    def get_tracking_url(self) -> str:
        """Return the address of the object's page, or ``""`` if it has none. Override it for another address."""
        absolute = getattr(self, "get_absolute_url", None)
        return str((absolute() if absolute else getattr(self, "url", "")) or "")

    def get_display_name(self) -> str:
        """Return the object's name for people: its ``title``, its ``name``, or ``str()``. Override it for another."""
        for name in ("title", "name"):
            value = getattr(self, name, "")
            if value and not callable(value):
                return str(value)
        return str(self)

    @classmethod
    def most_viewed(
        cls, limit: int = 10, *, days: int | None = None, queryset: models.QuerySet[Any] | None = None
    ) -> list[Self]:
        """Return the most viewed objects, the most viewed one first.

        They are ranked in the tables of statistics, by an index, however many objects there are. Objects that were
        never viewed are not among them. ``ranked_views`` of each object is the persisted number that ranks it.

        Args:
            limit: The most objects, from 1 to 1,000.
            days: Rank by the views of so many days, today included; None for the views of all time.
            queryset: The objects of this class to choose from. Without it, they are the objects that the model shows
                to all visitors: what ``published()``, ``live()`` and ``public()`` give if its default manager has
                them, else all objects.

        Raises:
            ValueError: ``limit`` or ``days`` is out of range, ``queryset`` is of another model, or one of the three
                methods needs an argument.
        """
        chosen = ranking.shown(cls) if queryset is None else ranking.of_model(cls, queryset)
        return ranking.most_viewed(chosen, limit, days)


def add_columns(sender: type[models.Model], **kwargs: Any) -> None:
    """Add the virtual columns to a model with the mixin, when Django has prepared the class.

    Raises:
        FieldError: The model has a field or attribute with the name of a column.
    """
    if not issubclass(sender, PageViewStatisticsMixin):
        return
    for metric in (*COUNTS, *TIMES):
        name = metric.name
        column = (TimeColumn if metric.kind is Kind.TIME else CountColumn)(verbose_name=metric.label)
        existing = getattr(sender, name, None)
        if existing is not None and not isinstance(existing, StatisticsColumn):
            raise FieldError(f"{sender._meta.label} has a {name} of its own, which PageViewStatisticsMixin provides")
        column.contribute_to_class(sender, name)
    sender._meta.order_by_columns()  # type: ignore[attr-defined]
    peers.track(sender)


class_prepared.connect(add_columns, dispatch_uid="djinsight.statistics.columns")
