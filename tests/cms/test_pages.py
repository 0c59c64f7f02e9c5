"""Wagtail pages that are served, previewed, copied, moved and revised: the numbers belong to the page alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory, TestCase
from wagtail.models import Page, PageViewRestriction

from djinsight.beacons import tokens
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.cms.forms import form_data
from tests.cms.models import BlogPage, EventPage, NewsPage, PlainPage
from tests.support.counted_views import count_views
from tests.support.sockets import BROWSER, view_id

Add = Callable[..., Any]
VIEW = re.compile(r'data-djinsight-view="([^"]+)"')
NUMBER = re.compile(r'data-djinsight-stat="total_views"[^>]*>(\d+)<')


def serve(client: Any, page: Any) -> str:
    response = client.get(page.url, HTTP_USER_AGENT=BROWSER)
    assert response.status_code == 200
    return str(response.content.decode())


def views_of(page: Any) -> int:
    """Return the total views of a page that is read again."""
    return int(type(page).objects.get(pk=page.pk).total_views)


def test_a_served_page_counts(client: Any, blog_page: Any) -> None:
    found = VIEW.search(serve(client, blog_page))
    assert found
    frame = {"type": "view", "id": view_id(1), "token": found[1], "url": blog_page.url}
    browser = {"HTTP_USER_AGENT": BROWSER, "HTTP_ORIGIN": "http://testserver"}
    answer = client.post("/djinsight/record-view/", frame, "application/json", **browser)
    assert answer.json()["type"] == "counted"
    assert NUMBER.findall(serve(client, blog_page)) == ["1"]
    assert views_of(blog_page) == 1


@pytest.mark.parametrize("model", [BlogPage, NewsPage, EventPage])
def test_a_view_is_of_the_page(model: Any, add: Add) -> None:
    """Views count with the mixin as first or last base, and for a type that inherits it."""
    page = add("A page", model)
    count_views(ObjectRef.of(page), 3, visitors=2)
    assert (page.total_views, page.unique_views) == (3, 2)
    persist()
    assert list(model.objects.order_by("-total_views").values_list("total_views", flat=True)) == [3]
    assert model.objects.filter(total_views__gte=3).specific().get() == page


@pytest.mark.parametrize(
    ("model", "name"), [(BlogPage, "cms.blogpage"), (NewsPage, "cms.blogpage"), (EventPage, "cms.eventpage")]
)
def test_the_ref_of_a_page(model: Any, name: str, add: Add, django_assert_num_queries: Any) -> None:
    """A page read as ``Page`` or as its specific type has the same ref, without a query."""
    page = add("A page", model)
    for same in (page, Page.objects.get(pk=page.pk), Page.objects.specific().get(pk=page.pk)):
        with django_assert_num_queries(0):
            assert str(ObjectRef.of(same)) == f"{name}:{page.pk}"


def test_plain_pages_in_a_template(blog_page: Any, add: Add, client: Any, django_assert_num_queries: Any) -> None:
    """Plain pages, as from ``get_children``, show the numbers of their specific pages without fetching these."""
    children = [add(f"Part {n}", model, under=blog_page) for n, model in enumerate((NewsPage, BlogPage, EventPage))]
    add("Not counted", PlainPage, under=blog_page)
    for n, child in enumerate(children, 1):
        count_views(ObjectRef.of(child), n)
    assert NUMBER.findall(serve(client, blog_page)) == ["0", "1", "2", "3"]
    template = Template("{% load djinsight_tags %}{% for p in pages %}{% total_views_stat obj=p %}{% endfor %}")
    pages = list(Page.objects.child_of(blog_page))
    with django_assert_num_queries(0):
        assert NUMBER.findall(template.render(Context({"pages": pages}))) == ["1", "2", "3"]
    tracker = Template("{% load djinsight_tags %}{% page_view_tracker %}")
    found = VIEW.search(tracker.render(Context({"page": pages[0]})))
    assert found
    assert tokens.read(found[1], "view") == ObjectRef.of(children[0])


@pytest.mark.parametrize("query", ["", "?in_preview_panel=true"])
def test_a_preview_does_not_count(query: str, client: Any, admin_user: Any, blog_page: Any) -> None:
    client.force_login(admin_user)
    count_views(ObjectRef.of(blog_page), 2)
    preview = f"/cms-admin/pages/{blog_page.pk}/edit/preview/"
    editor = client.get(f"/cms-admin/pages/{blog_page.pk}/edit/")
    assert client.post(preview, form_data(editor)).json()["is_valid"]
    html = client.get(preview + query, HTTP_USER_AGENT=BROWSER).content.decode()
    assert "Bread without kneading" in html
    assert NUMBER.findall(html) == ["2"]
    assert not VIEW.search(html)
    draft = client.get(f"/cms-admin/pages/{blog_page.pk}/view_draft/", HTTP_USER_AGENT=BROWSER).content.decode()
    assert NUMBER.findall(draft) == ["2"]
    assert not VIEW.search(draft)


def test_address_and_name(blog_page: Any, add: Add) -> None:
    """The address and name come from the page's ``url`` and ``title``."""
    child = add("Part 1", EventPage, under=blog_page)
    assert child.get_tracking_url() == "/bread-without-kneading/part-1/"
    assert child.get_display_name() == "Part 1"
    assert EventPage(title="New").get_tracking_url() == ""
    count_views(ObjectRef.of(child), 2)
    periods = (child.get_views_today(), child.get_views_this_week(), child.get_views_this_month())
    assert periods == (2, 2, 2)


def test_ranked_pages(blog_page: Any, add: Add) -> None:
    other = add("Another")
    for page, views in ((blog_page, 2), (other, 5)):
        count_views(ObjectRef.of(page), views)
    persist()
    assert BlogPage.most_viewed() == [other, blog_page]
    assert BlogPage.most_viewed(queryset=BlogPage.objects.live().exclude(pk=other.pk)) == [blog_page]


def test_ranked_are_only_pages_that_everybody_may_see(blog_page: Any, add: Add) -> None:
    """Unpublished pages, private pages and pages below a private one are left out, unless a queryset has them."""
    private, hidden = add("Private", NewsPage), add("Unpublished")
    below = add("Below a private page", NewsPage, under=private)
    PageViewRestriction.objects.create(page=private, restriction_type=PageViewRestriction.LOGIN)
    for page in (blog_page, private, below, hidden):
        count_views(ObjectRef.of(page), 2)
    persist()
    hidden.unpublish()
    assert BlogPage.most_viewed() == BlogPage.most_viewed(days=7) == [blog_page]
    assert NewsPage.most_viewed() == []
    tag = "{% load djinsight_tags %}{% most_viewed 'cms.blogpage' as found %}{{ found.0.title }} of {{ found|length }}"
    assert Template(tag).render(Context()) == "Bread without kneading of 1"
    assert len(BlogPage.most_viewed(queryset=BlogPage.objects.all())) == 4  # the queryset asks for all pages
    found = BlogPage.most_viewed(queryset=BlogPage.objects.live().specific())
    assert {type(each) for each in found} == {BlogPage, NewsPage}
    with pytest.raises(ValueError, match=r"but got one of wagtailcore\.Page"):
        BlogPage.most_viewed(queryset=Page.objects.live())


def test_the_page_of_a_template_of_a_block(blog_page: Any) -> None:
    """Wagtail also names the page ``self`` in the context."""
    html = Template("{% load djinsight_tags %}{% total_views_stat %}").render(Context({"self": blog_page}))
    assert f'data-djinsight-ref="cms.blogpage:{blog_page.pk}"' in html


def test_a_deleted_page_takes_its_numbers_along(blog_page: Any, add: Add, redis_client: Any) -> None:
    """The numbers of the pages below it are deleted, too, even if it was read as a plain ``Page``."""
    child = add("Part 1", NewsPage, under=blog_page)
    kept = add("Another")
    for page in (blog_page, child, kept):
        count_views(ObjectRef.of(page), 2)
    persist()
    live_numbers.read(map(ObjectRef.of, (blog_page, child, kept)))  # as the tags of a page do
    with TestCase.captureOnCommitCallbacks(execute=True):
        Page.objects.get(pk=blog_page.pk).delete()
    assert [row.object_id for row in PageViewStatistics.objects.all()] == [str(kept.pk)]
    assert redis_client.keys("djinsight:counter:*") == [f"djinsight:counter:cms.blogpage:{kept.pk}".encode()]


def test_a_page_that_is_not_saved() -> None:
    template = Template("{% load djinsight_tags %}{% page_view_tracker debug=True %}{% live_stats_counter %}")
    html = template.render(Context({"page": BlogPage(title="New"), "request": RequestFactory().get("/")}))
    assert "<!-- djinsight: page_view_tracker found no saved object" in html


def test_a_stale_revision_resets_nothing(blog_page: Any) -> None:
    """A revision from before the views is published after them."""
    blog_page.intro = "A first sentence"
    revision = blog_page.save_revision()
    assert not {"total_views", "last_viewed_at"} & revision.content.keys()
    count_views(ObjectRef.of(blog_page), 5)
    persist()
    revision.publish()
    count_views(ObjectRef.of(blog_page), 1)
    assert views_of(blog_page) == 6
    assert BlogPage.objects.get(total_views=5).intro == "A first sentence"


def test_a_copy_begins_at_zero(blog_page: Any, add: Add) -> None:
    child = add("Part 1", NewsPage, under=blog_page)
    for page in (blog_page, child):
        count_views(ObjectRef.of(page), 4)
    persist()
    copy = blog_page.copy(recursive=True, update_attrs={"slug": "copy"})
    assert [views_of(page) for page in (copy, copy.get_children().specific().get())] == [0, 0]
    assert [views_of(page) for page in (blog_page, child)] == [4, 4]
    alias = blog_page.create_alias(parent=blog_page.get_parent(), update_slug="alias")
    assert views_of(alias) == 0


def test_moved_and_unpublished_pages_keep_their_numbers(blog_page: Any, add: Add) -> None:
    other = add("Another section", PlainPage)
    count_views(ObjectRef.of(blog_page), 4)
    persist()
    blog_page.move(other, pos="last-child")
    assert views_of(blog_page) == 4
    BlogPage.objects.get(pk=blog_page.pk).unpublish()
    assert views_of(blog_page) == 4
    assert PageViewStatistics.objects.get().total_views == 4
