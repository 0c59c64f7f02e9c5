"""Content: put the posts of the blog into the database."""

from __future__ import annotations

from django.utils.html import format_html_join
from django.utils.text import slugify
from wagtail.models import Page, Site

from demo.cms.models import BlogIndexPage, BlogPage
from demo.content.posts import POSTS


def create() -> None:
    """Create the blog if it is missing; its pages belong to the editors from then on."""
    if BlogIndexPage.objects.exists():
        return
    blog = Page.get_first_root_node().add_child(
        instance=BlogIndexPage(title="Blog", slug="blog", intro="Notes from the plots, kept in Wagtail.")
    )
    for title, summary, paragraphs in POSTS:
        body = format_html_join("", "<p>{}</p>", ((paragraph,) for paragraph in paragraphs))
        post = blog.add_child(instance=BlogPage(title=title, slug=slugify(title), summary=summary, body=body))
        post.save_revision().publish()
    welcome = Site.objects.filter(is_default_site=True).select_related("root_page").first()
    Site.objects.update_or_create(is_default_site=True, defaults={"hostname": "localhost", "root_page": blog})
    if welcome is not None:
        welcome.root_page.delete()  # Wagtail's own first page
