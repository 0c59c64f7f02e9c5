"""Models: the page types of the blog, of which one is counted."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page

from djinsight.models import PageViewStatisticsMixin


class BlogIndexPage(Page):
    intro = models.CharField(max_length=250)

    content_panels = [*Page.content_panels, FieldPanel("intro")]
    template = "demo_cms/blog_index_page.html"
    subpage_types = ["demo_cms.BlogPage"]

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        posts = BlogPage.objects.child_of(self).live().order_by("-first_published_at")
        return {**super().get_context(request, *args, **kwargs), "posts": posts}


class BlogPage(Page, PageViewStatisticsMixin):
    summary = models.CharField(max_length=250)
    body = RichTextField()

    content_panels = [*Page.content_panels, FieldPanel("summary"), FieldPanel("body")]
    template = "demo_cms/blog_page.html"
    parent_page_types = ["demo_cms.BlogIndexPage"]
    subpage_types: list[str] = []
