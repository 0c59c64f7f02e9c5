"""Models: articles, a shop and courses. The mixin works first or last among the bases."""

from __future__ import annotations

import uuid

from django.db import models
from django.urls import reverse

from djinsight.models import PageViewStatisticsMixin


class Article(models.Model, PageViewStatisticsMixin):
    title = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    kicker = models.CharField(max_length=40)
    summary = models.CharField(max_length=250)
    body = models.TextField()
    author = models.CharField(max_length=60)
    published_at = models.DateTimeField()

    class Meta:
        ordering = ("-published_at",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("article", args=[self.slug])


class Product(PageViewStatisticsMixin, models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    summary = models.CharField(max_length=250)
    description = models.TextField()
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])


class Course(PageViewStatisticsMixin, models.Model):
    title = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    summary = models.CharField(max_length=250)
    description = models.TextField()
    teacher = models.CharField(max_length=60)
    lessons = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("course", args=[self.slug])
