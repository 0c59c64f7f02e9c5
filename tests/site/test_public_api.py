"""The public names that sites use: none may go, more may come."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.template import engines
from django.urls import reverse

from djinsight.conf import conf
from tests.blog.models import Article
from tests.celery import app

NAMES = [
    ("djinsight.models", "PageViewStatisticsMixin"),
    ("djinsight.models", "PageViewStatistics"),
    ("djinsight.models", "PageViewSummary"),
    ("djinsight.models", "PageViewHour"),
    ("djinsight.models", "PageViewLog"),
    ("djinsight.models", "PersistCursor"),
    ("djinsight.models", "DataLoss"),
    ("djinsight.models", "DeadLetter"),
    ("djinsight.models", "OlderRecord"),
    ("djinsight.models", "OlderViews"),
    ("djinsight.models", "RefusalCount"),
    ("djinsight.routing", "websocket_urlpatterns"),
    ("djinsight.routing", "OriginValidator"),
    ("djinsight.routing", "HTTPFallback"),
    ("djinsight.urls", "urlpatterns"),
    ("djinsight.daphne", "Server"),
    ("djinsight.schedule", "beat_schedule"),
    ("djinsight.tasks", "persist"),
    ("djinsight.testing", "capture_views"),
    ("djinsight.testing", "djinsight_redis"),
    ("djinsight.testing", "private_redis"),
    ("djinsight.testing", "visit"),
    ("djinsight.exceptions", "DjinsightError"),
    ("djinsight.exceptions", "InvalidRef"),
    ("djinsight.exceptions", "Rejected"),
    ("djinsight.exceptions", "InvalidToken"),
    ("djinsight.exceptions", "CountingUnavailable"),
    ("djinsight.exceptions", "ForeignDataSet"),
    ("djinsight.api", "set_totals"),
    ("djinsight.api", "aset_totals"),
    ("djinsight.api", "merge"),
    ("djinsight.api", "amerge"),
    ("djinsight.api", "forget_visitor"),
    ("djinsight.api", "aforget_visitor"),
    ("djinsight.exceptions", "Reason"),
]
SETTINGS = {
    "DJINSIGHT_ENABLE_TRACKING",
    "DJINSIGHT_ADMIN_ONLY",
    "DJINSIGHT_VISITOR",
    "DJINSIGHT_ANONYMIZE_IP",
    "DJINSIGHT_REDIS_URL",
    "DJINSIGHT_REDIS_KEY_PREFIX",
    "DJINSIGHT_REDIS_EXPIRATION",
    "DJINSIGHT_REDIS_TIMEOUT",
    "DJINSIGHT_REDIS_SHARDS",
    "DJINSIGHT_STREAM_MAX_VIEWS",
    "DJINSIGHT_PUSH_INTERVAL",
    "DJINSIGHT_PERSIST_INTERVAL",
    "DJINSIGHT_BATCH_SIZE",
    "DJINSIGHT_CLEANUP_DAYS",
    "DJINSIGHT_RESPECT_DNT",
    "DJINSIGHT_TRUSTED_PROXIES",
    "DJINSIGHT_RATE_VISITOR",
    "DJINSIGHT_RATE_ADDRESS",
    "DJINSIGHT_RATE_SOCKET",
    "DJINSIGHT_RATE_NEW_VISITORS",
    "DJINSIGHT_RATE_OBJECT",
    "DJINSIGHT_RATE_SITE",
    "DJINSIGHT_RATE_STATS",
    "DJINSIGHT_RATE_STATS_SITE",
    "DJINSIGHT_CONSENT_COOKIE",
    "DJINSIGHT_TESTING",
}
TAGS = {
    "page_view_tracker",
    "page_stats_display",
    "page_analytics_widget",
    "live_stats_counter",
    "total_views_stat",
    "unique_views_stat",
    "first_viewed_stat",
    "last_viewed_stat",
    "views_today_stat",
    "views_week_stat",
    "views_month_stat",
    "djinsight_script",
}
WITHOUT_TEMPLATES = {
    "load_view_stats",
    "most_viewed",
    "wagtail_page_view_tracker",
    "wagtail_page_stats_display",
    "wagtail_page_analytics_widget",
}
FILTERS = {"format_view_count"}
TEMPLATES = TAGS | {"script", "value", "chart"}
TASKS = {"djinsight.persist", "djinsight.summarize", "djinsight.cleanup"}
COMMANDS = {
    "process_pageviews",
    "process_deadletters",
    "analyze_redis",
    "djinsight_doctor",
    "generate_summaries",
    "cleanup_pageviews",
    "djinsight_unschedule",
    "djinsight_upgrade",
    "djinsight_claim",
    "djinsight_set_totals",
    "djinsight_merge",
    "djinsight_forget_visitor",
    "djinsight_reset",
    "djinsight_uninstall",
}
OBJECT = "content_type object_id"
TABLES = {
    "PageViewStatistics": f"{OBJECT} total_views unique_views first_viewed_at last_viewed_at",
    "PageViewSummary": f"{OBJECT} date total_views unique_views",
    "PageViewHour": f"{OBJECT} hour total_views",
    "PageViewLog": f"{OBJECT} view_id url referrer visitor ip_address user_agent timestamp is_unique",
}


@pytest.mark.parametrize(("module", "name"), NAMES, ids=".".join)
def test_import(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)


def test_settings() -> None:
    assert {setting.name for setting in conf} >= SETTINGS


def test_url_names() -> None:
    assert reverse("djinsight:record_page_view") == "/djinsight/record-view/"
    assert reverse("djinsight:get_page_stats") == "/djinsight/page-stats/"


def test_socket_path() -> None:
    (route,) = import_module("djinsight.routing").websocket_urlpatterns
    assert all(route.pattern.match(path) for path in ("ws/djinsight/", "below/a/name/ws/djinsight/"))
    assert not any(route.pattern.match(path) for path in ("ws/djinsight/more/", "news/djinsight/", "ws/djinsight"))


def test_tags_and_filters() -> None:
    library = import_module("djinsight.templatetags.djinsight_tags").register
    assert set(library.tags) >= TAGS | WITHOUT_TEMPLATES
    assert set(library.filters) >= FILTERS


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_that_a_site_may_override(name: str) -> None:
    assert engines["django"].get_template(f"djinsight/{name}.html").origin.name.endswith(f"djinsight/{name}.html")


def test_tasks() -> None:
    app.loader.import_default_modules()
    assert {name for name in app.tasks if name.startswith("djinsight.")} >= TASKS


def test_commands() -> None:
    assert {name for name, app in get_commands().items() if app == "djinsight"} >= COMMANDS


MIXIN = {
    "total_views",
    "unique_views",
    "first_viewed_at",
    "last_viewed_at",
    "get_views_today",
    "get_views_this_week",
    "get_views_this_month",
    "get_tracking_url",
    "get_display_name",
    "most_viewed",
}


@pytest.mark.parametrize("name", sorted(MIXIN))
def test_mixin(name: str) -> None:
    assert hasattr(Article, name)


def test_app() -> None:
    assert apps.get_app_config("djinsight").name == "djinsight"


@pytest.mark.parametrize(("model", "fields"), TABLES.items(), ids=TABLES)
def test_tables(model: str, fields: str) -> None:
    found = apps.get_model("djinsight", model)
    assert {field.name for field in found._meta.concrete_fields} == {"id", *fields.split()}
    assert found._meta.db_table == f"djinsight_{model.lower()}"
