"""Admin lists: pages of the admin beside a log of five million rows, on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from benchmarks import cores, medians, views
from benchmarks.figure import Figure
from benchmarks.figures.history import empty
from benchmarks.run import Run, make_articles
from benchmarks.site.models import Article
from djinsight.admin.base import COUNT_TO, ReadOnlyAdmin
from djinsight.models import DeadLetter, PageViewLog

ARTICLES = 1000
HOT, OLD = 5, 6  # articles with a fifth of the views of all time, and half of the oldest fifth
CROWD = "crowd".ljust(22, "0")  # a visitor with 2 % of the views
PART = 500_000  # rows in an INSERT
WITHIN = 50  # ms
LAST = str(COUNT_TO // ReadOnlyAdmin.list_per_page)
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
_DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=60)

SEARCHES = {
    "a view id": {"q": f"{7:0>22}"},
    "a visitor": {"q": f"{7:0>21}v"},
    "a visitor with 2 % of the views": {"q": CROWD},
    "an object with 20 % of the views": {"q": views.ref(HOT)},
    "an object with old views": {"q": views.ref(OLD)},
    "the last page of an object": {"q": views.ref(HOT), "p": LAST},
    "an id of two models": {"q": "777"},
    "a name of one object": {"q": "Article 999"},
    "a name of many objects": {"q": "Article"},
    "the beginning of a URL": {"q": "/articles/77"},
    "nothing that is there": {"q": "no such thing"},
}
LISTS = {
    "all": {},
    "the last page": {"p": LAST},
    "the oldest first": {"o": "2"},
    "a model": {"model": "site.article"},
    "a day two months ago": {"timestamp__gte": str(_DAY), "timestamp__lt": str(_DAY + timedelta(days=1))},
    "unique": {"is_unique__exact": "1"},
    "not unique": {"is_unique__exact": "0"},
}
OTHERS = {
    "statistics": ("pageviewstatistics", {}),
    "statistics, a name": ("pageviewstatistics", {"q": "Article"}),
    "daily summaries": ("pageviewsummary", {}),
    "daily summaries, an object": ("pageviewsummary", {"q": views.ref(HOT)}),
    "daily summaries, a name": ("pageviewsummary", {"q": "Article"}),
    "dead letters": ("deadletter", {}),
    "dead letters, a stream id": ("deadletter", {"q": "7-0"}),
    "dead letters, an error": ("deadletter", {"q": "got 77"}),
    "data losses": ("dataloss", {}),
    "data losses, a kind": ("dataloss", {"kind__exact": "gap"}),
}


def pages(run: Run) -> list[Figure]:
    """Measure searches and lists of the log, and other lists with a million rows."""
    rows, others = run.size(5_000_000, 60_000), run.size(1_000_000, 10_000)
    _fill(rows, others)
    cores.pin(cores.SERVER)
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(User.objects.create_superuser("admin"))
        of_log = PageViewLog._meta.model_name or ""
        return [
            *_figures(run, client, f"log of {rows:,} views, searches", _urls_of_log(of_log, SEARCHES)),
            *_figures(run, client, f"log of {rows:,} views, list and filters", _urls_of_log(of_log, LISTS)),
            *_figures(run, client, f"other lists of {others:,} rows", {name: _url(*of) for name, of in OTHERS.items()}),
        ]


def _urls_of_log(model: str, pages: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: _url(model, query) for name, query in pages.items()}


def _url(model: str, query: Mapping[str, str]) -> str:
    return f"/admin/djinsight/{model}/?{urlencode(query)}"


def _figures(run: Run, client: Client, name: str, urls: Mapping[str, str]) -> Iterator[Figure]:
    """Yield the slowest median of the pages, and of the time that a page waits for the database."""
    whole: dict[str, list[float]] = {page: [] for page in urls}
    queries: dict[str, list[float]] = {page: [] for page in urls}
    for number in range(run.rounds + 1):
        for page, url in urls.items():
            with _waiting() as waits:
                began = time.perf_counter()
                answer = client.get(url)
                took = time.perf_counter() - began
            if answer.status_code != 200:
                raise RuntimeError(f"expected the page {url} but got the status {answer.status_code}")
            if number:  # the first round compiles templates and fills caches
                whole[page].append(1000 * took)
                queries[page].append(1000 * sum(waits))
    for part, samples in (("page", whole), ("its queries", queries)):
        slowest = max(samples, key=lambda page: medians.middle(samples[page]))
        value = medians.middle(samples[slowest])
        yield Figure(f"{name}: {part}", "", value, "ms", most=WITHIN, samples=samples, note=f"slowest: {slowest}")


@contextmanager
def _waiting() -> Iterator[list[float]]:
    """Yield a list that gets the time (s) of each query of the block."""
    waits: list[float] = []

    def execute(proceed: Any, *args: Any) -> Any:
        began = time.perf_counter()
        try:
            return proceed(*args)
        finally:
            waits.append(time.perf_counter() - began)

    with connection.execute_wrapper(execute):
        yield waits


def _fill(rows: int, others: int) -> None:
    """Insert ``rows`` log rows of a few months, the oldest first, and ``others`` rows of the other tables."""
    empty()
    DeadLetter.objects.all().delete()
    make_articles(ARTICLES)
    article, group = (ContentType.objects.get_for_model(model).pk for model in (Article, Group))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE djinsight_pageviewlog SET UNLOGGED")
        for newest in range(rows, 0, -PART):
            cursor.execute(
                _LOG, [group, article, HOT, rows * 4 // 5, OLD, ARTICLES, CROWD, max(newest - PART, 0), newest]
            )
        for statement in _OTHERS:
            cursor.execute(statement, {"type": article, "rows": others})
        cursor.execute("VACUUM ANALYZE")


_LOG = """
INSERT INTO djinsight_pageviewlog (content_type_id, object_id, view_id, url, referrer, visitor, user_agent, timestamp,
    is_unique)
SELECT CASE WHEN n %% 1000 = 1 THEN %s ELSE %s END,
    CASE WHEN n %% 5 = 0 THEN %s WHEN n > %s AND n %% 2 = 1 THEN %s ELSE 7 + floor(%s * random() ^ 2) END::text,
    lpad(n::text, 22, '0'), '/articles/' || n %% 1000 || '/', 'https://www.google.com/',
    CASE WHEN n %% 50 = 0 THEN %s ELSE lpad((n / 10)::text, 21, '0') || 'v' END,
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', now() - n * interval '1.5 second', n * 7 %% 10 < 6
FROM generate_series(%s + 1, %s) n ORDER BY n DESC
"""

_OTHERS = (
    "INSERT INTO djinsight_pageviewstatistics (content_type_id, object_id, total_views, unique_views, first_viewed_at, "
    "last_viewed_at) SELECT %(type)s, n::text, 10000000 / n + n %% 7, 1, now(), now() - n * interval '8 second' "
    "FROM generate_series(1, %(rows)s) n",
    "INSERT INTO djinsight_pageviewsummary (content_type_id, object_id, date, total_views, unique_views) "
    "SELECT %(type)s, n::text, now()::date - d, 1000000 / n + (n + d) %% 7 + 1, 1 "
    "FROM generate_series(1, %(rows)s / 250) n, generate_series(0, 249) d",
    "INSERT INTO djinsight_deadletter (shard, entry_id, payload, error, arrived_at) SELECT 0, n || '-0', 'payload', "
    "'expected a ref but got ' || n, now() - n * interval '1 second' FROM generate_series(1, %(rows)s) n",
    "INSERT INTO djinsight_dataloss (kind, shard, epoch, views, happened_at) SELECT CASE WHEN n %% 1000 = 0 THEN 'gap' "
    "ELSE 'shed' END, 0, '', n, now() - n * interval '1 second' FROM generate_series(1, %(rows)s) n",
)
