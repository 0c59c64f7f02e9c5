"""Fixtures of a Wagtail site. ``tests/wagtail/test_wagtail.py`` runs these tests under ``tests.wagtail_settings``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps

collect_ignore_glob = [] if apps.is_installed("tests.cms") else ["test_*.py"]
collect_ignore = [] if apps.is_installed("wagtailcache") else ["test_cached.py"]


@pytest.fixture
def home(db: None) -> Any:
    """The root page of the site."""
    from wagtail.models import Page, Site

    root = Page.get_first_root_node()
    home = root.add_child(instance=Page(title="Home", slug="site"))
    Site.objects.update_or_create(
        is_default_site=True, defaults={"hostname": "testserver", "port": 80, "root_page": home}
    )
    return home


@pytest.fixture
def add(home: Any) -> Callable[..., Any]:
    """Return a function that adds a published page: ``page = add("Title", NewsPage, under=other)``."""
    from tests.cms.models import BlogPage

    def add(title: str, model: Any = BlogPage, under: Any = None, **fields: Any) -> Any:
        page = model(title=title, **fields)
        (under or home).add_child(instance=page)
        page.save_revision().publish()
        return page

    return add


@pytest.fixture
def blog_page(add: Callable[..., Any]) -> Any:
    return add("Bread without kneading")


@pytest.fixture
def editor(home: Any, django_user_model: Any) -> Callable[..., Any]:
    """Return a function that makes a user who may edit pages below a section: ``editor(section, sees_views=True)``."""
    from django.contrib.auth.models import Group, Permission
    from wagtail.models import GroupPagePermission

    def make(section: Any = None, *, sees_views: bool = True, name: str = "editor") -> Any:
        group = Group.objects.create(name=name)
        group.permissions.add(Permission.objects.get(codename="access_admin"))
        if sees_views:
            group.permissions.add(Permission.objects.get(codename="view_pageviewstatistics"))
        for codename in ("add_page", "change_page", "publish_page"):
            GroupPagePermission.objects.create(
                group=group,
                page=section or home,
                permission=Permission.objects.get(codename=codename, content_type__app_label="wagtailcore"),
            )
        user = django_user_model.objects.create_user(name)
        user.groups.add(group)
        return user

    return make
