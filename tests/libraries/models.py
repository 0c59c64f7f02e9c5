"""Models: tracked models with the fields and managers that other packages add."""

import reversion
from auditlog.registry import auditlog
from django.db import models
from model_utils import FieldTracker
from simple_history.models import HistoricalRecords

from djinsight.models import PageViewStatisticsMixin


class Author(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Story(models.Model, PageViewStatisticsMixin):
    """A model with the mixin as its last base, as in the README."""

    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, null=True, on_delete=models.SET_NULL)
    written = models.DateField(null=True)

    history = HistoricalRecords()
    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.title


class Report(Story):
    """A child model with a table of its own."""

    source = models.CharField(max_length=100)

    history = HistoricalRecords()


@reversion.register()
class Recipe(PageViewStatisticsMixin, models.Model):
    """A model with the mixin as its first base."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


auditlog.register(Recipe)
