"""Models: the tables of totals, rollups and the log, and those that persist needs. No table of a host is changed."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.formats import localize
from django.utils.timezone import template_localtime  # type: ignore[attr-defined]  # the stubs have not got it
from django.utils.translation import gettext_lazy as _

from djinsight.beacons import beacon
from djinsight.metrics import COUNTS, HOURLY
from djinsight.statistics.mixin import PageViewStatisticsMixin
from djinsight.tracked import content_types, refs
from djinsight.tracked.object_ids import ObjectIdField

__all__ = [
    "DataLoss",
    "DeadLetter",
    "OlderRecord",
    "OlderViews",
    "PageViewHour",
    "PageViewLog",
    "PageViewStatistics",
    "PageViewStatisticsMixin",
    "PageViewSummary",
    "PersistCursor",
    "RefusalCount",
]


class OfObject(models.Model):
    """The base of all tables about tracked objects; ``object_id`` is the primary key as a string."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+", verbose_name=_("type"))
    object_id = ObjectIdField(_("object id"), max_length=refs.MAX_LENGTH)
    content_object = GenericForeignKey()

    # The object's name for people, set by code that has fetched the object; str() of a row makes no query for it.
    object_name = ""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.object_name} ({self.object_label})" if self.object_name else self.object_label

    @property
    def object_label(self) -> str:
        """The model and primary key of the object, as in ``"article 5"``."""
        if self.content_type_id is None:
            return self.object_id
        return f"{content_types.manager().get_for_id(self.content_type_id).name} {self.object_id}"


class PageViewStatistics(OfObject):
    """The totals of one object."""

    total_views = models.PositiveBigIntegerField(_("total views"), default=0)
    unique_views = models.PositiveBigIntegerField(_("unique views"), default=0)
    first_viewed_at = models.DateTimeField(_("first viewed"), null=True)
    last_viewed_at = models.DateTimeField(_("last viewed"), null=True)

    class Meta:
        verbose_name = _("page view statistics")
        verbose_name_plural = _("page view statistics")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_type", "object_id"], name="djinsight_statistics_object"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["content_type", "-total_views", "object_id"], name="djinsight_statistics_most"),
            models.Index(fields=["-total_views", "-id"], name="djinsight_statistics_list"),
            models.Index(fields=["last_viewed_at"], name="djinsight_statistics_last"),
        ]


class PageViewSummary(OfObject):
    """The views of one object on one day of the site's time zone."""

    date = models.DateField(_("date"))
    total_views = models.PositiveBigIntegerField(_("total views"), default=0)
    unique_views = models.PositiveBigIntegerField(_("unique views"), default=0)

    class Meta:
        verbose_name = _("daily summary")
        verbose_name_plural = _("daily summaries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_type", "object_id", "date"], name="djinsight_summary_object_date"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["date", "content_type", "-total_views", "object_id"], name="djinsight_summary_most"),
            models.Index(fields=["-date", "-total_views", "-id"], name="djinsight_summary_list"),
            models.Index(fields=["content_type", "-date", "-total_views", "-id"], name="djinsight_summary_model"),
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}, {localize(self.date)}"


class PageViewHour(OfObject):
    """The views of one object in one hour."""

    hour = models.DateTimeField(_("hour"))
    total_views = models.PositiveBigIntegerField(_("total views"), default=0)

    class Meta:
        verbose_name = _("hourly summary")
        verbose_name_plural = _("hourly summaries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_type", "object_id", "hour"], name="djinsight_hour_object_hour"),
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}, {localize(template_localtime(self.hour))}"


# The columns of further metrics, which the classes above do not spell out.
for _model, _metrics in ((PageViewStatistics, COUNTS), (PageViewSummary, COUNTS), (PageViewHour, HOURLY)):
    for _metric in _metrics:
        if not hasattr(_model, _metric.name):
            _model.add_to_class(_metric.name, models.PositiveBigIntegerField(_metric.label, default=0))


class PageViewLog(OfObject):
    """One counted view, kept for ``DJINSIGHT_CLEANUP_DAYS`` days."""

    view_id = models.CharField(_("view id"), max_length=36)
    url = models.CharField(_("URL"), max_length=beacon.MAX_URL, blank=True)
    referrer = models.CharField(_("referrer"), max_length=beacon.MAX_URL, blank=True)
    visitor = models.CharField(_("visitor"), max_length=22)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=beacon.MAX_USER_AGENT, blank=True)
    timestamp = models.DateTimeField(_("time"))
    is_unique = models.BooleanField(_("unique"))

    class Meta:
        verbose_name = _("logged view")
        verbose_name_plural = _("logged views")
        indexes: ClassVar = [
            models.Index(fields=["timestamp"], name="djinsight_log_time"),
            models.Index(fields=["content_type", "object_id", "timestamp", "id"], name="djinsight_log_object_list"),
            models.Index(fields=["content_type", "timestamp"], name="djinsight_log_model_time"),
            models.Index(fields=["view_id"], name="djinsight_log_view_id"),
            models.Index(fields=["visitor", "timestamp", "id"], name="djinsight_log_visitor_list"),
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}, {localize(template_localtime(self.timestamp))}"


class PersistCursor(models.Model):
    """How far the stream of one shard is persisted. It moves in the transaction that writes the views."""

    shard = models.PositiveSmallIntegerField(_("shard"), unique=True)
    epoch = models.CharField(_("epoch"), max_length=16, blank=True)
    last_id = models.CharField(_("last stream id"), max_length=41, default="0-0")
    last_seq = models.PositiveBigIntegerField(_("last sequence number"), default=0)
    # If set, entries up to this id may be in the log already, as Redis lost its data or came back with older data.
    suspect_until = models.CharField(_("checked up to"), max_length=41, blank=True)
    moved_at = models.DateTimeField(_("moved"), null=True)
    refusals = models.CharField(_("last batch of refusals"), max_length=16, blank=True)

    class Meta:
        verbose_name = _("cursor")
        verbose_name_plural = _("cursors")

    def __str__(self) -> str:
        return _("shard %(number)s") % {"number": self.shard}


class RefusalCount(models.Model):
    """How many handshakes, frames and views were refused for one reason on one day; each attempt counts."""

    date = models.DateField(_("date"))
    reason = models.CharField(_("reason"), max_length=16)
    refused = models.PositiveBigIntegerField(_("refused"), default=0)

    class Meta:
        verbose_name = _("refusal count")
        verbose_name_plural = _("refusal counts")
        constraints: ClassVar = [models.UniqueConstraint(fields=["date", "reason"], name="djinsight_refusals_of_day")]

    def __str__(self) -> str:
        return f"{self.reason}, {localize(self.date)}"


class DataLoss(models.Model):
    """One loss of views or of their details, and its size. Persist writes it for the site's staff."""

    class Kind(models.TextChoices):
        """The cause of a loss."""

        EPOCH = "epoch", _("Redis lost its data, and with it views that were not yet persisted")
        ROLLBACK = "rollback", _("Redis came back with older data, without views that were not yet persisted")
        GAP = "gap", _("views are missing in the stream")
        SHED = "shed", _("the stream was full, so views were counted without a log row")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    shard = models.PositiveSmallIntegerField(_("shard"))
    epoch = models.CharField(_("epoch"), max_length=16, blank=True)
    views = models.PositiveBigIntegerField(_("views"), null=True, help_text=_("empty: not known"))
    happened_at = models.DateTimeField(_("noticed"), auto_now_add=True)

    class Meta:
        verbose_name = _("data loss")
        verbose_name_plural = _("data losses")
        indexes: ClassVar = [
            models.Index(fields=["happened_at", "id"], name="djinsight_losses_list"),
            models.Index(fields=["kind", "happened_at", "id"], name="djinsight_losses_kind"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display() if self.views is None else f"{self.get_kind_display()} ({localize(self.views)})"


class DeadLetter(models.Model):
    """A stream entry that cannot be stored as a view, in its original bytes."""

    shard = models.PositiveSmallIntegerField(_("shard"))
    entry_id = models.CharField(_("stream id"), max_length=41)
    payload = models.BinaryField(_("payload"))
    error = models.CharField(_("error"), max_length=200)
    arrived_at = models.DateTimeField(_("dead-lettered"), auto_now_add=True)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        indexes: ClassVar = [
            models.Index(fields=["arrived_at", "id"], name="djinsight_letters_list"),
            models.Index(fields=["entry_id"], name="djinsight_letters_entry_id"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}: {self.error}"


class OlderViews(OfObject):
    """How many of an object's views were taken over from djinsight 0.x, so that none is taken over twice."""

    total_views = models.PositiveBigIntegerField(_("total views"), default=0)
    unique_views = models.PositiveBigIntegerField(_("unique views"), default=0)

    class Meta:
        verbose_name = _("older views")
        verbose_name_plural = _("older views")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_type", "object_id"], name="djinsight_older_object"),
        ]
        indexes: ClassVar = [models.Index(fields=["object_id"], name="djinsight_older_object_id")]


class OlderRecord(models.Model):
    """A record of djinsight 0.x that is in the log, and may still be in Redis."""

    key = models.CharField(_("key"), max_length=255, unique=True)

    class Meta:
        verbose_name = _("older record")
        verbose_name_plural = _("older records")

    def __str__(self) -> str:
        return self.key
