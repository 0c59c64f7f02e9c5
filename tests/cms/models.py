from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.models import Page

from djinsight.models import PageViewStatisticsMixin


class BlogPage(Page, PageViewStatisticsMixin):
    intro = models.CharField(max_length=100, blank=True)

    content_panels = [*Page.content_panels, FieldPanel("intro")]


class NewsPage(BlogPage):
    """A page whose views are counted under its parent model, the blog page."""

    source = models.CharField(max_length=100, blank=True)


class EventPage(PageViewStatisticsMixin, Page):
    """A page type with the mixin as its first base."""

    template = "cms/blog_page.html"


class PlainPage(Page):
    """A page type without the mixin."""

    template = "cms/blog_page.html"
