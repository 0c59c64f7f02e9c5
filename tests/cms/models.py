from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.models import Page

from djinsight.models import PageViewStatisticsMixin


class BlogPage(Page, PageViewStatisticsMixin):
    intro = models.CharField(max_length=100, blank=True)

    content_panels = [*Page.content_panels, FieldPanel("intro")]


class NewsPage(BlogPage):
    """Counted as the blog page that it is."""

    source = models.CharField(max_length=100, blank=True)


class EventPage(PageViewStatisticsMixin, Page):
    """The mixin first."""

    template = "cms/blog_page.html"


class PlainPage(Page):
    """Not counted."""

    template = "cms/blog_page.html"
