"""The side panel of the page editor: the numbers of a page, for users with the permission to see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.http import HttpResponse
from wagtail import VERSION, hooks

from djinsight.history.persist import persist
from djinsight.tracked.refs import ObjectRef
from djinsight.wagtail.panel import ViewsPanelMixin
from tests.cms.forms import form_data
from tests.cms.models import BlogPage, EventPage, NewsPage, PlainPage
from tests.support.counted_views import count_views

Make = Callable[..., Any]
PANEL = 'data-side-panel="views"'


def edit(client: Any, page: Any) -> str:
    response = client.get(f"/cms-admin/pages/{page.pk}/edit/")
    assert response.status_code == 200
    return str(response.content.decode())


def numbers(html: str) -> dict[str, str]:
    """Return the numbers in the panel by statistic, without those of the chart."""
    found = re.findall(r'class="djinsight-stat-value"[^>]* data-djinsight-stat="(\w+)"[^>]*>([^<]*)<', html)
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("model", [BlogPage, NewsPage, EventPage])
def test_the_numbers_of_a_page(model: Any, client: Any, admin_user: Any, add: Make) -> None:
    """The panel shows persisted and pending views."""
    page = add("A page", model)
    count_views(ObjectRef.of(page), 1200, visitors=3)
    persist()
    count_views(ObjectRef.of(page), 34, visitors=3)
    client.force_login(admin_user)
    html = edit(client, page)
    assert PANEL in html
    assert "djinsight_wagtail/side_panel.css" in html
    assert html.count("djinsight/djinsight.js") == 1  # the numbers are live
    assert 'data-side-panel-toggle="views"' in html
    shown = numbers(html)
    assert shown.pop("first_viewed_at") != "never"
    assert shown.pop("last_viewed_at") != "never"
    assert shown == {
        "total_views": "1,234",
        "unique_views": "3",
        "views_today": "1,234",
        "views_week": "1,234",
        "views_month": "1,234",
    }


def test_a_page_that_was_never_viewed(client: Any, admin_user: Any, blog_page: Any) -> None:
    client.force_login(admin_user)
    shown = numbers(edit(client, blog_page))
    assert (shown.pop("first_viewed_at"), shown.pop("last_viewed_at")) == ("never", "never")
    assert list(shown.values()) == ["0"] * 5


@pytest.mark.parametrize(
    ("sees_views", "is_staff", "admin_only", "shown"),
    [
        (True, False, False, True),
        (False, False, False, False),
        (False, True, False, False),
        (True, False, True, True),
        (False, True, True, False),
    ],
)
def test_permission(
    sees_views: bool,
    is_staff: bool,
    admin_only: bool,
    shown: bool,
    client: Any,
    editor: Make,
    blog_page: Any,
    settings: Any,
) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = admin_only
    user = editor(sees_views=sees_views)
    user.is_staff = is_staff
    user.save()
    client.force_login(user)
    assert (PANEL in edit(client, blog_page)) is shown


def test_no_editor_no_numbers(client: Any, editor: Make, blog_page: Any, add: Make) -> None:
    """A user who may not edit the page does not see its panel."""
    client.force_login(editor(add("Another section", PlainPage)))
    response = client.get(f"/cms-admin/pages/{blog_page.pk}/edit/", follow=True)
    assert PANEL not in response.content.decode()


def test_a_type_without_the_mixin(client: Any, admin_user: Any, add: Make) -> None:
    client.force_login(admin_user)
    assert PANEL not in edit(client, add("A page", PlainPage))


def test_a_page_that_is_not_saved_yet(client: Any, admin_user: Any, home: Any) -> None:
    client.force_login(admin_user)
    response = client.get(f"/cms-admin/pages/add/cms/blogpage/{home.pk}/")
    assert response.status_code == 200
    assert PANEL not in response.content.decode()


def test_with_redis_down(client: Any, admin_user: Any, blog_page: Any, settings: Any) -> None:
    """The panel shows the persisted numbers."""
    count_views(ObjectRef.of(blog_page), 5)
    persist()
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    client.force_login(admin_user)
    assert numbers(edit(client, blog_page))["total_views"] == "5"


def test_the_permission_can_be_given_to_groups(client: Any, admin_user: Any, db: None) -> None:
    client.force_login(admin_user)
    permission = Permission.objects.get(codename="view_pageviewstatistics")
    offered = client.get("/cms-admin/groups/new/").context["form"]["permissions"].field.queryset
    assert permission in offered


def test_a_view_set_of_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system check warns of a page type whose editor has no panel."""
    if VERSION < (8, 0):
        assert [each for each in run_checks(tags=["djinsight"]) if each.id == "djinsight.W011"] == []
        return  # before 8.0, no page type has an editor of its own
    from wagtail.admin.viewsets.pages import PageViewSet, page_viewset_registry

    assert [each for each in run_checks(tags=["djinsight"]) if each.id == "djinsight.W011"] == []
    own = PageViewSet(model=BlogPage)
    monkeypatch.setitem(page_viewset_registry.values_by_class, BlogPage, own)
    warned = [each for each in run_checks(tags=["djinsight"]) if each.id == "djinsight.W011"]
    assert [each.obj for each in warned] == [BlogPage, NewsPage]
    own.edit_view_class = type("EditView", (ViewsPanelMixin, own.edit_view_class), {})
    assert [each for each in run_checks(tags=["djinsight"]) if each.id == "djinsight.W011"] == []


def test_hooks_of_the_site_run_once(client: Any, admin_user: Any, blog_page: Any) -> None:
    """Wagtail 7.4 adds the panel in such a hook, which must not run the site's hooks a second time."""
    client.force_login(admin_user)
    runs: list[str] = []

    def edited(request: Any, page: Any) -> None:
        runs.append(request.method)

    with hooks.register_temporarily([("before_edit_page", edited), ("after_edit_page", edited)]):
        assert PANEL in edit(client, blog_page)
        assert runs == ["GET"]


def test_a_hook_of_the_site_may_answer(client: Any, admin_user: Any, blog_page: Any) -> None:
    client.force_login(admin_user)
    with hooks.register_temporarily("before_edit_page", lambda request, page: HttpResponse("not today")):
        assert edit(client, blog_page) == "not today"


def test_a_page_is_saved(client: Any, admin_user: Any, blog_page: Any) -> None:
    client.force_login(admin_user)
    data = form_data(client.get(f"/cms-admin/pages/{blog_page.pk}/edit/"))
    response = client.post(f"/cms-admin/pages/{blog_page.pk}/edit/", {**data, "title": "", "action-publish": "1"})
    assert PANEL in response.content.decode()  # the form is shown again, with the errors
    response = client.post(f"/cms-admin/pages/{blog_page.pk}/edit/", {**data, "intro": "New", "action-publish": "1"})
    assert response.status_code == 302
    assert BlogPage.objects.get().intro == "New"


def test_a_revision_that_is_taken_back(client: Any, admin_user: Any, blog_page: Any) -> None:
    client.force_login(admin_user)
    revision = blog_page.save_revision()
    response = client.get(f"/cms-admin/pages/{blog_page.pk}/revisions/{revision.pk}/revert/")
    assert response.status_code == 200
    assert (PANEL in response.content.decode()) is (VERSION < (8, 0))
