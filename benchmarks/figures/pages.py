"""Pages: the cost of fifty objects with six tags each, their HTML, and the cost of rankings and of charts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Sum
from django.template.loader import get_template
from django.test.utils import CaptureQueriesContext

from benchmarks import cores, medians, views
from benchmarks.figure import Figure
from benchmarks.figures.history import empty, pending
from benchmarks.run import Run, make_articles
from benchmarks.site.models import Article
from djinsight import days
from djinsight.counting import live_numbers
from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics, PageViewSummary
from djinsight.statistics import periods

OBJECTS = 50
MANY = 200
TOP = 10
WEEK = 7
LOG = "djinsight_pageviewlog"


def tags(run: Run) -> list[Figure]:
    """Measure a page of fifty objects with six tags each, against the same page with literals."""
    empty()
    articles = make_articles(OBJECTS)
    pending(run, 20 * OBJECTS, OBJECTS)
    persist()
    live_numbers.read(views.ref(article.pk) for article in articles)
    cores.pin(cores.SERVER)
    samples = medians.in_turn(
        {"tags ms": _rendered("fifty.html", articles), "literals ms": _rendered("fifty_literals.html", articles)},
        run.size(25, 1),
    )
    more = medians.middle(samples["tags ms"]) - medians.middle(samples["literals ms"])
    with redis.Redis.from_url(run.redis.url) as client, CaptureQueriesContext(connection) as queries:
        client.config_resetstat()
        _render("fifty.html", articles)
        trips = sum(each["calls"] for name, each in client.info("commandstats").items() if "evalsha" in name)
    page = f"{OBJECTS} objects x 6 tags"
    return [
        Figure(f"{page}: time more", "the page with literals", more, "ms", most=3, samples=samples),
        Figure(f"{page}: Redis round trips", "", trips, "", most=1),
        Figure(f"{page}: SQL queries", "", len(queries), "", most=1),
    ]


def html(run: Run) -> list[Figure]:
    """Measure the HTML of two hundred objects with six tags each, against the part of it whose names are public."""
    empty()
    articles = make_articles(MANY)
    pending(run, 20 * MANY, MANY)
    persist()
    whole = _render("fifty.html", articles)
    public = _ADDED.sub("", whole)
    note = f"{len(whole.encode()):,} B, of which {len(public.encode()):,} B are elements with class, ref, stat and text"
    more = len(whole.encode()) / len(public.encode())
    page = f"{MANY} objects x 6 tags"
    return [
        Figure(f"{page}: HTML", "", len(whole.encode()), "B", most=120_000, note=note),
        Figure(f"{page}: HTML", "elements with class, ref, stat and text only", more, most=1.2, note=note),
    ]


# Everything that is there for the script alone.
_ADDED = re.compile(
    r'<script.*?</script>\n?| data-djinsight-(?:format|watch|order|refresh|value|total|began)="[^"]*"', re.DOTALL
)


def _render(name: str, articles: list[Any]) -> str:
    return str(get_template(name).render({"articles": articles}))


def _rendered(name: str, articles: list[Any]) -> Callable[[], float]:
    _render(name, articles)  # compiles the template and fills the caches

    def measure() -> float:
        began = time.perf_counter()
        for _ in range(4):
            _render(name, articles)
        return 1000 * (time.perf_counter() - began) / 4

    return measure


def ranking(run: Run) -> list[Figure]:
    """Measure the top ten of a million objects, against an index-only query by hand, on PostgreSQL."""
    objects = run.size(1_000_000, 10_000)
    type_id = _many_statistics(objects)
    today = days.now().day
    first = today - timedelta(days=WEEK - 1)
    by_hand = {
        "all time": (
            'SELECT "object_id", "total_views" FROM "djinsight_pageviewstatistics" WHERE "content_type_id" = %s '
            'ORDER BY "total_views" DESC LIMIT 10',
            [type_id],
        ),
        f"last {WEEK} days": (
            'SELECT "object_id", SUM("total_views") AS n FROM "djinsight_pageviewsummary" WHERE "content_type_id" = %s '
            'AND "date" BETWEEN %s AND %s GROUP BY "object_id" ORDER BY n DESC LIMIT 10',
            [type_id, first, today],
        ),
    }
    ours = {"all time": None, f"last {WEEK} days": WEEK}
    cores.pin(cores.SERVER)
    figures = []
    for period, last in ours.items():
        samples = medians.in_turn(
            {"most_viewed ms": _ranked(last), "by hand ms": _asked(*by_hand[period])}, run.size(9, 1)
        )
        value = medians.ratio(samples, "most_viewed ms", "by hand ms")
        name = f"top {TOP} of {objects:,} objects, {period}"
        figures.append(Figure(name, "a query written by hand, and the objects", value, most=1.5, samples=samples))
    return figures


def _ranked(last: int | None) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        found = Article.most_viewed(TOP, days=last)
        took = 1000 * (time.perf_counter() - began)
        if len(found) != TOP:
            raise RuntimeError(f"expected {TOP} objects but got {len(found)}")
        return took

    return measure


def _asked(query: str, arguments: list[Any]) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(query, arguments)
            ids = [int(row[0]) for row in cursor.fetchall()]
            list(Article.objects.filter(pk__in=ids))
        return 1000 * (time.perf_counter() - began)

    return measure


def _many_statistics(objects: int) -> int:
    """Insert totals and a week of daily sums of ``objects`` articles, the first of which have the most views."""
    empty()
    type_id = int(ContentType.objects.get_for_model(Article).pk)
    today = days.now().day
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO site_article (title) SELECT 'Article ' || n FROM generate_series(1, %s) n", [objects]
        )
        cursor.execute(
            "INSERT INTO djinsight_pageviewstatistics (content_type_id, object_id, total_views, unique_views) "
            "SELECT %s, n::text, 10000000 / n + n %% 7, 1 FROM generate_series(1, %s) n", [type_id, objects],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO djinsight_pageviewsummary (content_type_id, object_id, date, total_views, unique_views) "
            "SELECT %s, n::text, %s::date - d, 1000000 / n + (n + d) %% 7 + 1, 1 "
            "FROM generate_series(1, %s) n, generate_series(0, 6) d", [type_id, today, objects],
        )  # fmt: skip
        cursor.execute("VACUUM ANALYZE")
    return type_id


def charts(run: Run) -> list[Figure]:
    """Measure charts of one object's year and the site's 30 days, with ten million log rows, on PostgreSQL."""
    rows, objects = run.size(10_000_000, 20_000), run.size(1000, 50)
    _long_log(rows, objects)
    today = days.now().day
    year, month = today - timedelta(days=364), today - timedelta(days=29)
    ref = views.ref(1)

    def of_year() -> Any:
        return periods.daily_of([ref], year, today)[ref]

    def of_site() -> Any:
        return list(
            PageViewSummary.objects.filter(date__range=(month, today))
            .values_list("date")
            .annotate(total=Sum("total_views"))
        )

    cores.pin(cores.SERVER)
    figures = []
    for name, read in (("a year's daily chart of one object", of_year), ("site total of 30 days", of_site)):
        with CaptureQueriesContext(connection) as queries:
            read()
        touches_log = sum(LOG in query["sql"] for query in queries)
        samples = medians.in_turn({"ms": _timed(read)}, run.size(9, 1))
        value = medians.middle(samples["ms"])
        note = f"{rows:,} log rows, queries that read the log: {touches_log}"
        figures.append(Figure(name, f"{rows:,} log rows", value, "ms", most=10, samples=samples, note=note))
        figures.append(Figure(f"{name}: queries of the log", "", touches_log, "", most=0))
    return figures


def _timed(read: Callable[[], Any]) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        read()
        return 1000 * (time.perf_counter() - began)

    return measure


def _long_log(rows: int, objects: int) -> None:
    """Insert ``rows`` log rows of a year, and their daily sums."""
    empty()
    type_id = ContentType.objects.get_for_model(Article).pk
    PageViewStatistics.objects.create(content_type_id=type_id, object_id="1", total_views=rows // objects)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO djinsight_pageviewlog (content_type_id, object_id, view_id, url, referrer, visitor, "
            "user_agent, timestamp, is_unique) SELECT %s, (n %% %s + 1)::text, lpad(n::text, 22, '0'), '/a/', '', "
            "'v', '', now() - (n %% 31536000) * interval '1 second', false FROM generate_series(1, %s) n",
            [type_id, objects, rows],
        )
        cursor.execute(
            "INSERT INTO djinsight_pageviewsummary (content_type_id, object_id, date, total_views, unique_views) "
            "SELECT %s, n::text, %s::date - d, 27, 3 FROM generate_series(1, %s) n, generate_series(0, 364) d",
            [type_id, days.now().day, objects],
        )
        cursor.execute("VACUUM ANALYZE")
