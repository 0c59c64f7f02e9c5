"""The mixin: what a tracked model can say about its views."""

from __future__ import annotations

from typing import Any, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.signals import class_prepared

from djinsight.metrics import COUNTS, TIMES, Kind
from djinsight.statistics import options, peers, ranking
from djinsight.statistics.columns import CountColumn, StatisticsColumn, TimeColumn


class PageViewStatisticsMixin:
    """Gives a model the statistics of its views. A plain class: first or last among the bases, no migration.

    ``total_views``, ``unique_views`` (numbers), ``first_viewed_at``, ``last_viewed_at`` (aware datetimes, or None)
    are live on an instance, persisted plus pending, and can be filtered, ordered, aggregated and joined in queries,
    which read what is persisted. The methods are live, too; an object that is not saved has no views.
    """

    # Migrations of the models that have it name this module: the public one, whichever the class is in.
    __module__ = "djinsight.models"

    djinsight_tracked = True

    @classmethod
    def add_to_class(cls, name: str, value: Any) -> None:
        """Give the class that Django is making options that know the virtual columns."""
        options.add_to_class(cls, getattr(super(), "add_to_class", None), name, value)

    def get_views_today(self) -> int:
        """Views since midnight in the site's time zone."""
        snapshot = peers.snapshot(self, "views_today")
        return 0 if snapshot is None else snapshot.views_today

    def get_views_this_week(self) -> int:
        """Views since Monday, today included."""
        return peers.views(self, "week").week

    def get_views_this_month(self) -> int:
        """Views since the first of the month, today included."""
        return peers.views(self, "month").month

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


def add_columns(sender: type[models.Model], **kwargs: Any) -> None:
    """Give a model with the mixin its columns, when Django has prepared the class."""
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
