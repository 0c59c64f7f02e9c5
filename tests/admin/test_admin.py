"""The admin: read-only, searchable, linked, and fast on a long log."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from djinsight.admin import base, log, operations
from djinsight.models import (
    DataLoss,
    DeadLetter,
    PageViewLog,
    PageViewStatistics,
    PageViewSummary,
    PersistCursor,
    RefusalCount,
)
from tests.blog.models import Article, Product

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = (PageViewStatistics, PageViewSummary, PageViewLog, DataLoss, DeadLetter, PersistCursor, RefusalCount)


@pytest.fixture
def rows(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Make rows of every table, for an article, a product, and an object that does not exist. All are on one page."""
    monkeypatch.setattr(base.ReadOnlyAdmin, "list_per_page", 50)
    article = Article.objects.create(title="Bread without kneading")
    product = Product.objects.create(id=uuid.UUID(int=7), name="Dutch oven")
    article_type, product_type = ContentType.objects.get_for_models(Article, Product).values()
    for content_type, object_id, views in (
        (article_type, str(article.pk), 12),
        (product_type, str(product.pk), 30),
        (article_type, "999999", 3),
    ):
        of = {"content_type": content_type, "object_id": object_id}
        PageViewStatistics.objects.create(
            **of, total_views=views, unique_views=2, first_viewed_at=NOON, last_viewed_at=NOON
        )
        PageViewSummary.objects.create(**of, date=NOON.date(), total_views=views, unique_views=2)
        PageViewLog.objects.bulk_create(
            PageViewLog(
                **of,
                view_id=f"view-{object_id[:8]}-{n}",
                url=f"/{content_type.model}/{object_id}/",
                referrer="javascript:alert(1)//<script>alert(2)</script>",
                visitor="0123456789abcdef012345",
                timestamp=NOON + timedelta(minutes=n),
                is_unique=n == 0,
            )
            for n in range(views)
        )
    DataLoss.objects.create(kind=DataLoss.Kind.GAP, shard=0, views=3)
    DeadLetter.objects.create(shard=0, entry_id="1-1", payload=b"r=\x00", error="expected a ref")
    PersistCursor.objects.create(shard=0)
    RefusalCount.objects.create(date=NOON.date(), reason="token", refused=5)
    return {"article": article, "product": product}


def url_of(model: Any, pk: Any = None) -> str:
    path = f"/admin/djinsight/{model._meta.model_name}/"
    return path if pk is None else f"{path}{pk}/change/"


@pytest.mark.parametrize("model", TABLES)
def test_every_table_can_be_read_and_not_written(model: Any, rows: Any, admin_client: Any) -> None:
    row = model.objects.first()
    assert admin_client.get(url_of(model)).status_code == 200
    page = admin_client.get(url_of(model, row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    before = list(model.objects.values())
    assert admin_client.post(url_of(model, row.pk), {"total_views": 0}).status_code == 403
    assert admin_client.get(f"/admin/djinsight/{model._meta.model_name}/add/").status_code == 403
    assert admin_client.post(f"/admin/djinsight/{model._meta.model_name}/{row.pk}/delete/").status_code == 403
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("model", TABLES)
def test_what_nobody_changes_has_no_history(model: Any, rows: Any, admin_client: Any) -> None:
    page = admin_client.get(url_of(model, model.objects.first().pk)).content
    assert b"/history/" not in page
    assert b"object-tools" not in page


@pytest.mark.parametrize("model", TABLES[:3])
def test_rows_name_and_link_their_object(model: Any, rows: Any, admin_client: Any) -> None:
    page = admin_client.get(url_of(model)).content.decode()
    article, product = rows["article"], rows["product"]
    assert f'<a href="/admin/blog/article/{article.pk}/change/">Bread without kneading</a>' in page
    assert "Dutch oven" in page  # not linked, as it has no page in the admin or on the site
    assert f"{product.pk}/change" not in page
    assert "article 999999" in page  # the object that does not exist


HEADINGS = {
    PageViewStatistics: {"Bread without kneading (article {pk})", "Dutch oven (product {uuid})", "article 999999"},
    PageViewSummary: {
        "Bread without kneading (article {pk}), March 1, 2026",
        "Dutch oven (product {uuid}), March 1, 2026",
        "article 999999, March 1, 2026",
    },
    # The times are in the site's time zone, like the fields of the page.
    PageViewLog: {
        "Bread without kneading (article {pk}), March 1, 2026, 1 p.m.",
        "Dutch oven (product {uuid}), March 1, 2026, 1 p.m.",
        "article 999999, March 1, 2026, 1 p.m.",
    },
    DataLoss: {
        "views are missing in the stream (3)",
        "the stream was full, so views were counted without a log row",
    },
    DeadLetter: {"1-1: expected a ref"},
    PersistCursor: {"shard 0"},
    RefusalCount: {"token, March 1, 2026"},
}


@pytest.mark.parametrize("model", TABLES)
def test_a_page_is_headed_by_what_it_is_about(
    model: Any, rows: Any, admin_client: Any, django_assert_max_num_queries: Any
) -> None:
    """The heading and the breadcrumb name the object, without another query for it."""
    DataLoss.objects.create(kind=DataLoss.Kind.SHED, shard=0)
    said = set()
    for row in model.objects.filter(timestamp=NOON) if model is PageViewLog else model.objects.all():
        with django_assert_max_num_queries(8):
            page = admin_client.get(url_of(model, row.pk))
        assert page.context["subtitle"] == str(page.context["original"])
        said.add(page.context["subtitle"])
        heading = escape(page.context["subtitle"])
        assert f"<h2>{heading}</h2>" in page.content.decode()
        assert f"&rsaquo; {heading}" in page.content.decode()
    pks = {"pk": rows["article"].pk, "uuid": rows["product"].pk}
    assert said == {heading.format(**pks) for heading in HEADINGS[model]}


def test_a_row_names_its_object_without_a_look_at_it(rows: Any, django_assert_num_queries: Any) -> None:
    statistics = list(PageViewStatistics.objects.order_by("total_views"))
    str(statistics[0])  # content types are read once
    with django_assert_num_queries(0):
        assert [str(row) for row in statistics[:2]] == ["article 999999", f"article {rows['article'].pk}"]


@pytest.mark.parametrize("model", [*apps.get_app_config("djinsight").get_models()])
def test_a_row_that_says_nothing_yet(model: Any) -> None:
    assert isinstance(repr(model()), str)


@pytest.mark.parametrize("model", TABLES)
def test_each_row_leads_to_its_page(model: Any, rows: Any, admin_client: Any) -> None:
    """The link to a row's page is not inside of another link."""
    row = model.objects.first()
    page = admin_client.get(url_of(model)).content.decode()
    links = re.findall(rf'<a href="{url_of(model, row.pk)}[^>]*>(.*?)</a>', page)
    assert links
    assert all(text and "<" not in text for text in links)


@pytest.mark.parametrize(
    ("model", "one", "many"),
    [
        (RefusalCount, "1 refusal count", "2 refusal counts"),
        (PageViewLog, "1 logged view", "45 logged views"),
        (PageViewSummary, "1 daily summary", "3 daily summaries"),
    ],
)
def test_rows_are_counted_in_words(model: Any, one: str, many: str, rows: Any, admin_client: Any) -> None:
    if model is RefusalCount:
        RefusalCount.objects.create(date=NOON.date(), reason="rate", refused=1)
    assert many in " ".join(admin_client.get(url_of(model)).content.decode().split())
    model.objects.exclude(pk=model.objects.first().pk).delete()
    assert one in " ".join(admin_client.get(url_of(model)).content.decode().split())


def shown(admin_client: Any, table: Any, /, **query: str) -> set[str]:
    return {row.object_id for row in admin_client.get(url_of(table), query).context["cl"].result_list}


@pytest.mark.parametrize("model", TABLES[:3])
def test_search_and_filters(model: Any, rows: Any, admin_client: Any) -> None:
    article, product = str(rows["article"].pk), str(rows["product"].pk)
    assert shown(admin_client, model) == {article, product, "999999"}
    assert shown(admin_client, model, q="kneading") == {article}
    assert shown(admin_client, model, q="999999") == {"999999"}
    assert shown(admin_client, model, q="no such thing") == set()
    assert shown(admin_client, model, model="blog.product") == {product}
    assert shown(admin_client, model, model="blog.article") == {article, "999999"}
    assert shown(admin_client, model, model="blog.article", q="kneading") == {article}


def test_filter_by_date(rows: Any, admin_client: Any) -> None:
    assert shown(admin_client, PageViewSummary, date__gte="2026-03-01", date__lt="2026-03-02")
    assert not shown(admin_client, PageViewSummary, date__gte="2026-03-02", date__lt="2026-03-03")
    late = (NOON + timedelta(minutes=20)).isoformat()
    assert shown(admin_client, PageViewLog, timestamp__gte=late, timestamp__lt="2026-04-01T00:00:00Z") == {
        str(rows["product"].pk)
    }


def test_search_the_log(rows: Any, admin_client: Any) -> None:
    article = str(rows["article"].pk)
    assert shown(admin_client, PageViewLog, q=f"view-{article[:8]}-3") == {article}
    assert shown(admin_client, PageViewLog, q="/article/") == {article, "999999"}


def test_hostile_text_is_inert(rows: Any, admin_client: Any) -> None:
    page = admin_client.get(url_of(PageViewLog)).content.decode()
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert(2)" not in page
    assert 'href="javascript:' not in page


def test_a_long_log_is_not_counted(rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every count has a limit, and a page takes at most ten queries."""
    monkeypatch.setattr(base, "COUNT_TO", 20)
    with CaptureQueriesContext(connection) as captured:
        page = admin_client.get(url_of(PageViewLog), {"_facets": "True"})
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 20" in sql for sql in counts)
    assert page.context["cl"].result_count == 20
    assert len(captured) <= 10


def test_pages_of_rows_need_no_more_queries_than_a_row(
    rows: Any, admin_client: Any, django_assert_max_num_queries: Any
) -> None:
    admin_client.get(url_of(PageViewLog))
    article_type = ContentType.objects.get_for_model(Article)
    for n in range(40):
        article = Article.objects.create(title=f"Article {n}")
        PageViewStatistics.objects.create(content_type=article_type, object_id=str(article.pk), total_views=100 + n)
    with django_assert_max_num_queries(8):
        page = admin_client.get(url_of(PageViewStatistics))
    assert "Article 39" in page.content.decode()


def test_an_app_that_is_gone(rows: Any, admin_client: Any) -> None:
    gone = ContentType.objects.create(app_label="gone", model="thing")
    PageViewStatistics.objects.create(content_type=gone, object_id="5", total_views=1)
    PageViewStatistics.objects.create(
        content_type=ContentType.objects.get_for_model(Article), object_id="not a number", total_views=1
    )
    page = admin_client.get(url_of(PageViewStatistics)).content.decode()
    assert "thing 5" in page
    assert "article not a number" in page


def test_without_permission(rows: Any, client: Any, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get(url_of(PageViewLog)).status_code == 403


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("/page/", True),
        ("https://example.org/", True),
        ("javascript:alert(1)", False),
        ("JavaScript:x", False),
        ("data:x", False),
        ("http://[", False),
    ],
)
def test_only_pages_are_linked(
    url: str, linked: bool, rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Product, "get_absolute_url", lambda product: url, raising=False)
    page = admin_client.get(url_of(PageViewStatistics)).content.decode()
    assert "Dutch oven" in page
    assert (f'<a href="{url}">Dutch oven</a>' in page) is linked
    assert f'href="{url}"' not in page or linked


def test_an_object_whose_page_has_no_address(rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object without an address, such as a draft without a slug, is shown by its name, without a link."""
    monkeypatch.setattr(Product, "get_absolute_url", lambda product: reverse("no-such-page"), raising=False)
    page = admin_client.get(url_of(PageViewStatistics)).content.decode()
    assert "Dutch oven" in page
    assert ">Dutch oven</a>" not in page


def test_search_finds_by_name_what_the_user_may_see(
    rows: Any, client: Any, django_user_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = django_user_model.objects.create_user("staff", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_pageviewstatistics"))
    client.force_login(user)
    assert shown(client, PageViewStatistics, q="kneading") == set()
    user.user_permissions.add(Permission.objects.get(codename="view_article"))
    assert shown(client, PageViewStatistics, q="kneading") == {str(rows["article"].pk)}
    monkeypatch.setattr(type(site.get_model_admin(Article)), "get_queryset", lambda *_: Article.objects.none())
    assert shown(client, PageViewStatistics, q="kneading") == set()


# The queries of a list page, by the kind of search or filter.
ASKED: dict[str, dict[str, str]] = {
    "all": {},
    "by the id of an object": {"q": "999999"},
    "by a view id": {"q": "view-999999-1"},
    "by a visitor": {"q": "0123456789abcdef012345"},
    "by nothing that is there": {"q": "no such thing"},
    "by the name of an object": {"q": "kneading"},
    "by a URL": {"q": "/article/999999/"},
    "by a model": {"model": "blog.article"},
    "by a model and an id": {"model": "blog.article", "q": "999999"},
}


EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}


def queries_of(queries: Any, table: str) -> list[str]:
    """Return the captured queries of ``table``."""
    quoted = connection.ops.quote_name(table)
    return [sql for sql in (query["sql"] for query in queries) if f"FROM {quoted}" in sql and sql.startswith("SELECT")]


def plans(queries: list[str]) -> list[str]:
    """Return the plans of ``queries``, as the database makes them for large tables."""
    found = []
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # By default PostgreSQL reads and sorts a small table as a whole.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        for sql in queries:
            cursor.execute(f"{EXPLAIN[connection.vendor]} {sql}")
            if connection.vendor == "mysql":
                # MariaDB reads a small table as a whole. Its possible keys are those that it would use for a large one.
                names = [column[0] for column in cursor.description]
                found += [str(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
            else:
                found.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return found


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("model", TABLES[:3])
def test_lists_and_searches_use_indexes(
    model: Any, asked: dict[str, str], rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list page reads or sorts a whole table."""
    monkeypatch.setattr(log, "URLS", 5)
    table = model._meta.db_table
    with CaptureQueriesContext(connection) as captured:
        assert admin_client.get(url_of(model), asked).status_code == 200
    by_keys = f"{connection.ops.quote_name(table)}.{connection.ops.quote_name('id')} IN ("  # as the rows of the page
    queries = [sql for sql in queries_of(captured, table) if by_keys not in sql]
    assert not [sql for sql in queries if "UPPER(" in sql]
    found = plans(queries)
    assert found
    for plan in found:
        assert "Seq Scan" not in plan, plan
        if connection.vendor == "mysql" and f"'{table}'" in plan and "q" in asked:
            assert "'possible_keys': 'djinsight" in plan or "'key': 'djinsight_log_time'" in plan, plan
        for line in plan.splitlines():
            if f"SCAN {table}" in line:  # SQLite may walk an index in order, but a search has to use one
                assert "USING" in line, plan
                assert "INDEX" in line, plan
                assert "q" not in asked or "COVERING INDEX djinsight_log_time" in line, plan
        if not asked or "q" not in asked:
            assert "TEMP B-TREE FOR ORDER BY" not in plan, plan
            assert "\n  ->  Sort" not in plan, plan
            assert not plan.lstrip().startswith("Sort"), plan


def test_a_url_is_looked_for_among_the_newest_views(
    rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "URLS", 5)  # the newest views are of the product
    assert shown(admin_client, PageViewLog, q="/product/") == {str(rows["product"].pk)}
    assert shown(admin_client, PageViewLog, q="/article/") == set()


def is_too_small() -> bool:
    """Return whether a plan proves nothing, as PostgreSQL and MariaDB plan for the few rows that are here.

    The benchmark ``admin`` has lists of millions of rows on PostgreSQL.
    """
    return connection.vendor != "sqlite"


# A search of the log, and the index that has its rows in their order.
SERVED: dict[str, tuple[str, str]] = {
    "a ref": ("blog.article:999999", "djinsight_log_object_list"),
    "the id of an object": ("999999", "djinsight_log_object_list"),
    "the name of an object": ("kneading", "djinsight_log_object_list"),
    "a visitor": ("0123456789abcdef012345", "djinsight_log_visitor_list"),
    "a view id": ("view-999999-1", "djinsight_log_view_id"),
}


@pytest.mark.parametrize(("term", "index"), SERVED.values(), ids=SERVED)
def test_a_search_of_the_log_reads_one_index(term: str, index: str, rows: Any, admin_client: Any) -> None:
    """A page reads its own rows. With an OR of conditions the database would read all matching rows and sort them."""
    with CaptureQueriesContext(connection) as captured:
        assert shown(admin_client, PageViewLog, q=term)
    queries = queries_of(captured, PageViewLog._meta.db_table)
    assert not [sql for sql in queries if " OR " in sql]
    (of_page,) = (sql for sql in queries if "ORDER BY" in sql and " IN (" not in sql)
    (plan,) = plans([of_page])
    assert index in plan or is_too_small()
    if index.endswith("_list") and connection.vendor == "sqlite":
        assert "COVERING INDEX" in plan
        assert "TEMP B-TREE" not in plan


def test_a_view_id_is_not_looked_for_among_names(rows: Any, admin_client: Any) -> None:
    """The site's own tables may be large, and their searches slow."""
    with CaptureQueriesContext(connection) as captured:
        shown(admin_client, PageViewLog, q="view-999999-1")
    assert not [query["sql"] for query in captured if "LIKE" in query["sql"]]


@pytest.mark.parametrize("model", TABLES[:3])
def test_search_by_ref(model: Any, rows: Any, admin_client: Any) -> None:
    article, product = rows["article"], rows["product"]
    assert shown(admin_client, model, q=f"blog.article:{article.pk}") == {str(article.pk)}
    assert shown(admin_client, model, q=f"blog.product:{product.pk}") == {str(product.pk)}
    assert shown(admin_client, model, q="blog.article:888888") == set()
    assert shown(admin_client, model, q="blog.nothing:5") == set()


def test_the_newest_views_of_several_objects(rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are those that a sort of all views of the objects gives first, and filters apply to them."""
    monkeypatch.setattr(base, "ROWS", 7)
    article_type = ContentType.objects.get_for_model(Article)
    named = [Article.objects.create(title=f"Loaf {n} of 999999") for n in range(3)]
    for n, article in enumerate(named):
        viewed = {"content_type": article_type, "object_id": str(article.pk)}
        PageViewStatistics.objects.create(**viewed, last_viewed_at=NOON + timedelta(hours=n))
        PageViewLog.objects.bulk_create(
            PageViewLog(
                **viewed,
                view_id=f"loaf-{n}-{k}",
                visitor="v",
                timestamp=NOON + timedelta(hours=n, seconds=-7 * k),
                is_unique=k % 2 == 0,
            )
            for k in range(5)
        )

    def listed(**query: str) -> list[str]:
        page = admin_client.get(url_of(PageViewLog), {"q": "999999", **query})
        return [row.view_id for row in page.context["cl"].result_list]

    of_all = PageViewLog.objects.filter(object_id__in=["999999", *(str(article.pk) for article in named)])
    newest = of_all.order_by("-timestamp", "-pk")
    assert listed() == [row.view_id for row in newest[:7]]
    assert listed(is_unique__exact="1") == [row.view_id for row in newest.filter(is_unique=True)[:7]]
    assert listed(o="2") == [row.view_id for row in newest[:7]][::-1]
    monkeypatch.setattr(base, "OBJECTS", 1)  # the object with the id, though it is deleted, and the one viewed last
    assert set(listed()) == {*(f"loaf-2-{k}" for k in range(5)), "view-999999-1", "view-999999-2"}


@pytest.mark.parametrize("model", [PageViewSummary, PageViewLog, DataLoss, DeadLetter])
def test_an_address_sorts_by_no_column_without_an_index(model: Any, rows: Any, admin_client: Any) -> None:
    model_admin = site.get_model_admin(model)
    own = list(model_admin.ordering)
    sortable = model_admin.list_display.index(model_admin.sortable_by[0])
    for column in range(len(model_admin.list_display)):
        for asked in (f"{column}", f"-{column}"):
            sorted_by = admin_client.get(url_of(model), {"o": asked}).context["cl"].queryset.query.order_by
            turned = asked == str(sortable)
            assert list(sorted_by) == ([name[1:] for name in own] if turned else own)


def test_statistics_by_their_last_view(rows: Any, admin_client: Any) -> None:
    """An index has the objects of a period in the order of their last view, and none in another order."""
    PageViewStatistics.objects.filter(object_id="999999").update(last_viewed_at=NOON + timedelta(hours=1))
    with CaptureQueriesContext(connection) as captured:
        page = admin_client.get(url_of(PageViewStatistics), {"last_viewed_at__gte": NOON.isoformat()})
    views = [row.total_views for row in page.context["cl"].result_list]
    assert views == [3, 30, 12]
    (of_page,) = (
        sql for sql in queries_of(captured, PageViewStatistics._meta.db_table) if " DESC" in sql and ">=" in sql
    )
    assert "djinsight_statistics_last" in plans([of_page])[0]


def test_search_dead_letters(rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    DeadLetter.objects.create(shard=0, entry_id="1-2", payload=b"", error="expected a time but got 1-1")

    def listed(term: str) -> list[str]:
        page = admin_client.get(url_of(DeadLetter), {"q": term})
        return [row.entry_id for row in page.context["cl"].result_list]

    assert listed(" 1-1 ") == ["1-1"]
    assert listed("EXPECTED") == ["1-2", "1-1"]
    assert listed("a time") == ["1-2"]
    assert listed("nothing") == []
    monkeypatch.setattr(operations, "ERRORS", 1)
    assert listed("expected") == ["1-2"]
    assert listed("1-1") == ["1-1"]


@pytest.mark.parametrize(
    ("model", "asked", "index"),
    [
        (DeadLetter, {}, "djinsight_letters_list"),
        (DeadLetter, {"q": "1-1"}, "djinsight_letters_entry_id"),
        (DeadLetter, {"q": "expected"}, "djinsight_letters_list"),
        (DataLoss, {}, "djinsight_losses_list"),
        (DataLoss, {"kind__exact": "gap"}, "djinsight_losses_kind"),
    ],
)
def test_lists_of_operations_use_indexes(
    model: Any, asked: dict[str, str], index: str, rows: Any, admin_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that lasts for weeks leaves a million rows."""
    monkeypatch.setattr(operations, "ERRORS", 1)
    with CaptureQueriesContext(connection) as captured:
        assert admin_client.get(url_of(model), asked).status_code == 200
    found = plans([sql for sql in queries_of(captured, model._meta.db_table) if "ORDER BY" in sql])
    assert found
    assert index in found[0] or is_too_small()
    assert not [plan for plan in found if "TEMP B-TREE" in plan and " IN (" not in plan and index not in plan]
