"""The report of the most viewed pages: ranking, filters, exports, and permissions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page, Site

from djinsight import days
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.tracked.refs import ObjectRef
from djinsight.wagtail.most_viewed import rank
from tests.cms.models import BlogPage, EventPage, NewsPage, PlainPage
from tests.support.counted_views import count_views

Make = Callable[..., Any]
URL = "/cms-admin/reports/most-viewed/"
TITLE = re.compile(r'<span id="page_\d+_title">\s*(?:<svg.*?</svg>)?\s*(.*?)\s*</span>', re.DOTALL)


@pytest.fixture
def pages(add: Make) -> dict[str, Any]:
    """Five pages, three with 2, 3 and 1 views today; the third had 50 views forty days ago."""
    pages = {
        "Bread": add("Bread"),
        "Fair": add("Fair", EventPage),
        "Flood": add("Flood", NewsPage),
        "Imprint": add("Imprint", PlainPage),
        "Draft": add("Draft"),
    }
    for title, views in (("Bread", 2), ("Fair", 3), ("Flood", 1)):
        count_views(ObjectRef.of(pages[title]), views, visitors=2)
    persist()
    viewed_before(pages["Flood"], 40, 50)
    return pages


def viewed_before(page: Any, ago: int, views: int) -> None:
    """Add views of ``ago`` days before today to the tables."""
    ref = ObjectRef.of(page)
    of = {
        "content_type": ContentType.objects.get_by_natural_key(ref.app_label, ref.model_name),
        "object_id": ref.pk,
    }
    day = days.now().day - timedelta(days=ago)
    PageViewSummary.objects.create(**of, date=day, total_views=views, unique_views=views)
    row, _ = PageViewStatistics.objects.get_or_create(**of)
    row.total_views += views
    row.save()


def titles(client: Any, query: str = "", path: str = URL) -> list[str]:
    response = client.get(path + query)
    assert response.status_code == 200
    return TITLE.findall(response.content.decode())


def export(client: Any, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"{URL}?export=csv{query}")
    assert response["Content-Disposition"] == 'attachment; filename="most-viewed-pages.csv"'
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def admin(client: Any, admin_user: Any) -> Any:
    client.force_login(admin_user)
    return client


@pytest.mark.parametrize("path", [URL, URL + "results/"])
def test_the_most_viewed_come_first(path: str, admin: Any, pages: Any) -> None:
    """The report leaves out pages that were never viewed, and page types without the mixin."""
    assert titles(admin, path=path) == ["Flood", "Fair", "Bread"]


def test_pages_are_counted(admin: Any, pages: Any) -> None:
    html = admin.get(URL).content.decode()
    assert "1-3 of 3 pages" in html
    assert "3 pages" in html[html.index("Page 1 of 1") :]
    assert "statistics" not in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?period=", ["Flood", "Fair", "Bread"]),
        ("?period=7", ["Fair", "Bread", "Flood"]),
        ("?period=30", ["Fair", "Bread", "Flood"]),
        ("?period=8", ["Flood", "Fair", "Bread"]),
        ("?content_type={blogpage}", ["Bread"]),
        ("?content_type={newspage}", ["Flood"]),
        ("?content_type={eventpage}&period=7", ["Fair"]),
        ("?content_type=999999", ["Flood", "Fair", "Bread"]),
        ("?content_type=x&period=x&site=x&p=x", ["Flood", "Fair", "Bread"]),
        ("?p=99", ["Flood", "Fair", "Bread"]),
    ],
)
def test_filters(query: str, expected: list[str], admin: Any, pages: Any) -> None:
    """A choice that does not exist is ignored."""
    types = {each.model: each.pk for each in ContentType.objects.filter(app_label="cms")}
    assert titles(admin, query.format(**types)) == expected


@pytest.mark.parametrize(("ago", "in_7", "in_30"), [(0, 1, 1), (6, 1, 1), (7, 0, 1), (29, 0, 1), (30, 0, 0)])
def test_a_period_ends_today(ago: int, in_7: int, in_30: int, admin: Any, blog_page: Any) -> None:
    viewed_before(blog_page, ago, 4)
    assert len(titles(admin, "?period=7")) == in_7
    assert len(titles(admin, "?period=30")) == in_30
    assert len(titles(admin)) == 1


def test_days_of_a_period_add_up(admin: Any, blog_page: Any) -> None:
    for ago, views in ((0, 1), (3, 10), (6, 100), (7, 1000)):
        viewed_before(blog_page, ago, views)
    assert [row["Views"] for row in export(admin, "&period=7")] == ["111"]
    assert [row["Views"] for row in export(admin)] == ["1111"]


def test_sites(admin: Any, pages: Any, add: Make) -> None:
    assert 'name="site"' not in admin.get(URL).content.decode()
    root = Page.get_first_root_node().add_child(instance=PlainPage(title="Second", slug="second"))
    Site.objects.create(hostname="second.example", root_page=root)
    other = add("Of the second site", under=root)
    viewed_before(other, 1, 500)
    assert 'name="site"' in admin.get(URL).content.decode()
    assert titles(admin) == ["Of the second site", "Flood", "Fair", "Bread"]
    assert titles(admin, f"?site={root.path}") == ["Of the second site"]
    home = Site.objects.get(is_default_site=True).root_page
    assert titles(admin, f"?site={home.path}") == ["Flood", "Fair", "Bread"]


def test_pagination(admin: Any, add: Make) -> None:
    for n in range(51):
        viewed_before(add(f"Page {n:02}"), 1, n + 1)
    first = titles(admin)
    assert (len(first), first[0], first[-1]) == (50, "Page 50", "Page 01")
    assert titles(admin, "?p=2") == ["Page 00"]
    assert titles(admin, "?p=2&period=7") == ["Page 00"]
    assert len(export(admin)) == 51


def test_csv(admin: Any, pages: Any) -> None:
    first, second, third = export(admin)
    assert first["Last viewed"].startswith(str(days.now().day)[:4])
    assert {**first, "Last viewed": ""} == {
        "Title": "Flood",
        "URL": "http://testserver/flood/",
        "Page type": "News page",
        "Views": "51",
        "Visitors": "1",
        "Last viewed": "",
    }
    assert [(row["Title"], row["Views"], row["Visitors"]) for row in (second, third)] == [
        ("Fair", "3", "2"),
        ("Bread", "2", "2"),
    ]
    week = export(admin, "&period=7")
    assert list(week[0]) == ["Title", "URL", "Page type", "Views"]
    assert [row["Views"] for row in week] == ["3", "2", "1"]


@pytest.mark.parametrize("title", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_title_is_no_formula(title: str, admin: Any, add: Make) -> None:
    page = add("Harmless")
    Page.objects.filter(pk=page.pk).update(title=title)
    viewed_before(page, 1, 1)
    assert export(admin)[0]["Title"] == "'" + title
    cell = workbook(admin)["A2"]
    assert cell.data_type == "s"
    assert str(cell.value).strip() == title.strip()


def workbook(client: Any) -> Any:
    response = client.get(f"{URL}?export=xlsx")
    return openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active


def test_xlsx(admin: Any, pages: Any) -> None:
    rows = [[cell.value for cell in row][:5] for row in workbook(admin).rows]
    assert rows == [
        ["Title", "URL", "Page type", "Views", "Visitors"],
        ["Flood", "http://testserver/flood/", "News page", 51, 1],
        ["Fair", "http://testserver/fair/", "Event page", 3, 2],
        ["Bread", "http://testserver/bread/", "Blog page", 2, 2],
    ]


# Permissions


def test_only_pages_that_the_user_may_explore(client: Any, pages: Any, add: Make, editor: Make) -> None:
    section = add("Section")
    inner = add("Inner", under=section)
    viewed_before(inner, 1, 7)
    client.force_login(editor(section))
    assert titles(client) == ["Inner"]
    assert titles(client, "?period=7") == ["Inner"]
    assert [row["Title"] for row in export(client)] == ["Inner"]
    assert "/cms-admin/reports/most-viewed/" in client.get("/cms-admin/").content.decode()


@pytest.mark.parametrize("query", ["", "?export=csv", "?export=xlsx"])
@pytest.mark.parametrize("missing", ["view", "pages", "both"])
def test_without_permission(missing: str, query: str, client: Any, editor: Make, pages: Any) -> None:
    user = editor(sees_views=missing == "pages")
    if missing != "view":
        user.groups.get().page_permissions.all().delete()
    client.force_login(user)
    for path in (URL, URL + "results/"):
        response = client.get(path + query)
        assert response.status_code == 302
        assert response.url == "/cms-admin/"
    assert "/cms-admin/reports/most-viewed/" not in client.get("/cms-admin/").content.decode()


def test_a_visitor_of_the_site_is_asked_to_log_in(client: Any, django_user_model: Any, pages: Any) -> None:
    assert client.get(URL).url.startswith("/cms-admin/login/")
    user = django_user_model.objects.create_user("visitor")
    user.user_permissions.add(Permission.objects.get(codename="view_pageviewstatistics"))
    client.force_login(user)
    assert client.get(URL).url.startswith("/cms-admin/login/")


def test_an_editor_need_not_be_staff(client: Any, editor: Make, pages: Any, settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    client.force_login(editor())
    assert titles(client) == ["Flood", "Fair", "Bread"]


def test_nothing_viewed(admin: Any, blog_page: Any) -> None:
    assert titles(admin) == []
    assert "There are no pages to display." in admin.get(URL).content.decode()
    assert export(admin) == []


def test_rows_whose_page_is_gone(admin: Any, blog_page: Any) -> None:
    """Rows without a page are left out, also a row with an id that never was a page's."""
    viewed_before(blog_page, 1, 4)
    content_type = ContentType.objects.get_for_model(BlogPage)
    PageViewStatistics.objects.create(content_type=content_type, object_id="999999", total_views=9)
    assert titles(admin) == ["Bread without kneading"]


# Queries


def test_many_rows_need_no_more_queries(admin: Any, add: Make) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            titles(admin)
        return len(captured)

    viewed_before(add("Page 0"), 1, 1)
    titles(admin)
    few = queries()
    for n in range(1, 20):
        viewed_before(add(f"Page {n}"), 1, n)
    assert len(titles(admin)) == 20
    assert queries() == few


@pytest.mark.parametrize("since", [None, date(2026, 1, 1)])
def test_the_statistics_lead(since: date | None, home: Any) -> None:
    """The page of each row is found by its key, so no table is read as a whole."""
    plan = rank(Page.objects.all(), since)[:50].explain()
    assert "SEARCH djinsight_pageview" in plan
    assert "USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert "SCAN" not in plan
