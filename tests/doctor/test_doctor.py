"""``djinsight_doctor``: a site in order, and sites with one fault each."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django_celery_beat.models import PeriodicTask

from demo.redis_server import start_redis
from djinsight.beacons.bots import is_crawler
from djinsight.counting import connections, live_numbers, refusals
from djinsight.doctor import probe, redis_servers, services, site
from djinsight.doctor.findings import Finding, Level
from djinsight.models import PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary
from djinsight.schedule import beat_schedule, create_periodic_tasks
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment
from tests.celery import app
from tests.support import older_tables, processes
from tests.support.counted_views import count_views
from tests.support.processes import Process

Daphne = Callable[..., str]


def doctor(host: str, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit status and its output."""
    said = io.StringIO()
    try:
        call_command("djinsight_doctor", "--url", f"http://{host}/", *arguments, stdout=said)
    except CommandError as error:
        return error.returncode, f"{said.getvalue()}{error}"
    return 0, said.getvalue()


def codes(findings: Iterator[Finding], level: Level = Level.PROBLEM) -> list[str]:
    return [finding.code for finding in findings if finding.level is level]


@pytest.fixture
def beat(transactional_db: None, tmp_path: Path) -> Iterator[Process]:
    create_periodic_tasks(using="default")
    process = Process(
        "-m", "celery", "-A", "tests.celery", "beat", "--max-interval", "1", "--pidfile", "", "--loglevel", "INFO"
    )
    process.wait_for("beat: Starting")
    yield process
    process.stop()


def test_all_is_well(
    daphne: Daphne, worker: Process, beat: Process, article: Article, redis_client: redis.Redis
) -> None:
    count_views(ObjectRef.of(article), 3)

    status, said = doctor(daphne(), f"blog.article:{article.pk}")

    assert status == 0, said
    for sentence in (
        "is counted in",
        "is pushed to open pages in",
        "A view that is sent over HTTP is counted in",
        "that another process counts is pushed to open pages in",
        "The view is in the database after",
        "has its tracker",
    ):
        assert sentence in said
    assert said.endswith("No problems found.\n")
    assert_nothing_is_left(redis_client)
    assert list(PageViewStatistics.objects.values_list("object_id", "total_views")) == [(str(article.pk), 3)]


def assert_nothing_is_left(redis_client: redis.Redis) -> None:
    for table in (PageViewLog, PageViewStatistics, PageViewSummary, PageViewHour):
        assert not table.objects.filter(object_id__startswith="doctor").exists()
    assert not [key for key in redis_client.scan_iter() if b"doctor" in key]
    sessions = list(redis_client.scan_iter("djinsight:session:*"))
    assert not any(b"doctor" in ref for key in sessions for ref in redis_client.hkeys(key))


def test_over_http_where_no_socket_opens(
    daphne: Daphne, worker: Process, beat: Process, article: Article, redis_client: redis.Redis
) -> None:
    """The probe sends its view over HTTP, as a page does, and follows it into the database."""
    status, said = doctor(daphne("without_sockets"), f"blog.article:{article.pk}")
    assert status == 1
    assert "refuses pages of" in said
    assert "A view that is sent over HTTP is counted in" in said
    assert "The view is in the database after" in said
    assert said.endswith("1 problem found.")
    assert_nothing_is_left(redis_client)


def test_no_worker(daphne: Daphne, redis_client: redis.Redis, article: Article) -> None:
    create_periodic_tasks(using="default")
    count_views(ObjectRef.of(article), 3)
    status, said = doctor(daphne(), "--wait", "1")
    assert status == 1
    assert "The view was not in the database after 1 s, because no Celery worker or no Celery beat" in said
    assert "or give --wait 90 if cron runs process_pageviews each minute" in said
    assert said.endswith("1 problem found.")
    assert PageViewLog.objects.count() == 3
    assert_nothing_is_left(redis_client)


def test_what_a_probe_left_behind_is_cleared(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """The view of a killed probe is persisted like any other, and the next probe deletes it."""
    left = ObjectRef("djinsight", "persistcursor", "doctor-0123")
    count_views(left, 1)
    probe.persist()
    assert PageViewLog.objects.count() == 1
    assert not PageViewStatistics.objects.exists()
    probe.clear()
    assert_nothing_is_left(redis_client)
    assert live_numbers.read([left])[left].total_views == 0


def test_nothing_listens(transactional_db: None) -> None:
    status, said = doctor("127.0.0.1:1")
    assert status == 1
    assert "http://127.0.0.1:1/ does not answer" in said
    assert "Nothing listens at ws://127.0.0.1:1/ws/djinsight/" in said


def test_a_socket_that_is_refused(daphne: Daphne) -> None:
    found = list(probe.Probe(site.Site(f"http://{daphne('without_sockets')}/"), 1, http_answers=False).findings())
    assert [(each.level, each.code) for each in found] == [(Level.PROBLEM, "origin")]


def test_no_route(daphne: Daphne) -> None:
    found = list(probe.Probe(site.Site(f"http://{daphne('without_route')}/"), 1, http_answers=False).findings())
    assert [(each.level, each.code) for each in found] == [(Level.PROBLEM, "socket")]
    assert "urlpatterns" in found[0].cure


@pytest.mark.parametrize(("debug", "cure"), [(True, "asgi.py"), (False, "collectstatic")])
def test_who_serves_the_script(debug: bool, cure: str, daphne: Daphne, settings: Any) -> None:
    settings.DEBUG = debug
    (found,) = site.script(site.Site(f"http://{daphne('nothing')}/"))
    assert cure in found.cure


@pytest.mark.parametrize(
    ("application", "script", "urls"), [("application", [], []), ("nothing", ["script"], ["urls"])]
)
def test_script_and_fallback(application: str, script: list[str], urls: list[str], daphne: Daphne) -> None:
    where = site.Site(f"http://{daphne(application)}/")
    assert codes(site.script(where)) == script
    assert codes(site.fallback(where)) == urls


def test_a_fallback_that_is_fine_refuses_nothing(transactional_db: None) -> None:
    """The doctor's request appears among no refusals of the admin, and not in the server's log."""
    process, host = processes.daphne()
    try:
        assert codes(site.fallback(site.Site(f"http://{host}/")), Level.FINE) == ["urls"]
    finally:
        process.stop()  # at its end the server sends its refusals to Redis
    assert refusals.pending() == {}
    assert "Bad Request" not in process.output
    assert "Not Allowed" not in process.output


def test_fallback_that_is_not_included(settings: Any) -> None:
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    assert codes(services.settings()) == ["djinsight.W005"]
    assert list(site.fallback(site.Site("http://127.0.0.1:1/"))) == []  # not reported a second time


def test_tracker(daphne: Daphne, article: Article) -> None:
    where = site.Site(f"http://{daphne()}/")
    ref = ObjectRef.of(article)
    assert codes(site.page(where, ref, f"/articles/{article.pk}/")) == []
    assert codes(site.page(where, ref, "/articles/")) == ["tracker"]
    assert codes(site.page(where, ref, "/articles/987654/")) == ["page"]


def test_tracking_off(settings: Any) -> None:
    settings.DJINSIGHT_ENABLE_TRACKING = False
    assert codes(services.settings()) == ["tracking"]


def test_checks(settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 0
    settings.DJINSIGHT_WORDS = 5
    assert codes(services.settings()) == ["djinsight.E001"]
    assert codes(services.settings(), Level.ADVICE) == ["djinsight.W004"]


def test_a_setting_that_cannot_work_is_all_that_is_said(transactional_db: None, settings: Any) -> None:
    """All further checks would fail because of it."""
    settings.DJINSIGHT_PUSH_INTERVAL = "a"
    status, said = doctor("127.0.0.1:1")
    assert status == 1
    assert said.splitlines()[0].startswith("PROBLEM DJINSIGHT_PUSH_INTERVAL must be")
    assert said.splitlines()[1:] == ["1 problem found."]


@pytest.mark.parametrize("backend", ["channels.layers.InMemoryChannelLayer", "channels_redis.core.RedisChannelLayer"])
def test_a_layer_that_loses_messages_is_a_problem(backend: str, settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}
    assert codes(services.settings()) == ["djinsight.W001"]


def test_a_layer_that_delivers_in_this_process_only_is_not_said_to_deliver(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    assert list(services.channel_layer()) == []


@pytest.mark.parametrize("table", ["djinsight_pageviewlog", "django_content_type", "django_celery_beat_periodictask"])
@pytest.mark.django_db
def test_a_table_that_is_missing(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO other")
    status, said = doctor("127.0.0.1:1", "blog.article:1")
    assert status == 1
    assert f"Tables are missing: {table}. Run python manage.py migrate." in said


@pytest.mark.django_db
def test_no_tables_at_all() -> None:
    with connection.cursor() as cursor:
        for n, table in enumerate(sorted(older_tables.names())):
            cursor.execute(f"ALTER TABLE {table} RENAME TO other_{n}")
    assert codes(services.tables()) == ["tables"]
    (found,) = services.tables()
    assert found.text.startswith("Tables are missing: djinsight_dataloss, djinsight_deadletter, ")
    assert found.text.endswith(f" and {len(older_tables.OURS) - 3} more.")


def test_tables_of_an_older_version(transactional_db: None) -> None:
    older_tables.make()
    try:
        assert codes(services.tables()) == ["djinsight.E003"]
    finally:
        older_tables.remove()


def test_no_database(tmp_path: Path) -> None:
    process = Process(
        "-m",
        "django",
        "djinsight_doctor",
        "--url",
        "http://127.0.0.1:1/",
        TEST_DATABASE_NAME=str(tmp_path / "no" / "x"),
    )
    assert process.popen.wait(60) == 1
    process.stop()
    assert "The database does not answer (OperationalError" in process.output
    assert "Traceback" not in process.output


def test_server_with_another_key(daphne: Daphne, settings: Any) -> None:
    where = site.Site(f"http://{daphne()}/")
    settings.SECRET_KEY = "another"
    found = [each for each in probe.Probe(where, 1).findings() if each.level is Level.PROBLEM]
    assert [each.code for each in found] == ["refused"]
    assert "SECRET_KEY" in found[0].cure


def test_server_with_another_channel_layer(daphne: Daphne, settings: Any) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    other = {"default": {**layer, "CONFIG": {**layer["CONFIG"], "prefix": "other"}}}
    where = site.Site(f"http://{daphne(CHANNEL_LAYERS=other)}/")
    found = list(probe.Probe(where, 1).findings())
    assert "broadcast" in codes(iter(found))
    assert "push" in codes(iter(found), Level.FINE)
    # If the layer of this process is known not to deliver, the probe does not report it again.
    found = list(probe.Probe(where, 1, layer_delivers=False).findings())
    assert "broadcast" not in [each.code for each in found]


def test_redis_down(transactional_db: None, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    found = list(redis_servers.examine())
    assert [(each.level, each.code) for each in found] == [(Level.PROBLEM, "redis")]
    assert "127.0.0.1:1 does not answer" in found[0].text
    assert "secret" not in str(found[0])
    status, said = doctor("127.0.0.1:1")
    assert status == 1
    assert "Traceback" not in said


def test_channel_layer_down(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }
    assert codes(services.channel_layer()) == ["channel_layer"]


def test_no_such_channel_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChanelLayer"}}
    assert codes(services.settings()) == ["djinsight.E002"]
    assert list(services.channel_layer()) == []  # not reported a second time


def test_channel_layer() -> None:
    assert codes(services.channel_layer(), Level.FINE) == ["channel_layer"]


@pytest.fixture
def own_redis(settings: Any, tmp_path: Path) -> Iterator[redis.Redis]:
    server = start_redis(data=tmp_path)
    settings.DJINSIGHT_REDIS_URL = server.url
    with redis.Redis.from_url(server.url) as client:
        yield client
    connections.close_sync()
    server.stop()


@pytest.mark.parametrize(
    ("config", "level", "code"),
    [
        ({"appendonly": "no"}, Level.ADVICE, "appendonly"),
        ({"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}, Level.PROBLEM, "eviction"),
        ({"maxmemory-policy": "allkeys-lru", "maxmemory": "0"}, Level.ADVICE, "eviction"),
        ({"maxmemory-policy": "volatile-ttl", "maxmemory": "100mb"}, Level.ADVICE, "eviction"),
        ({"maxmemory-policy": "noeviction", "maxmemory": "100mb", "appendonly": "yes"}, Level.FINE, "redis"),
    ],
)
def test_redis_settings(config: dict[str, str], level: Level, code: str, own_redis: redis.Redis) -> None:
    own_redis.config_set("appendonly", "yes")
    for name, value in config.items():
        own_redis.config_set(name, value)
    found = list(redis_servers.examine())
    assert [(each.level, each.code) for each in found][-1] == (level, code)
    assert len(found) == (1 if level is Level.FINE else 2)


def test_redis_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_servers, "OLDEST", (99, 0))
    assert codes(redis_servers.examine()) == ["version"]


@pytest.mark.django_db
def test_schedule() -> None:
    create_periodic_tasks(using="default")
    assert codes(services.schedule()) == []
    PeriodicTask.objects.filter(name="djinsight.persist").update(enabled=False)
    (found,) = services.schedule()
    assert (found.level, found.code) == (Level.ADVICE, "schedule")
    assert "unless cron runs process_pageviews" in str(found)
    PeriodicTask.objects.filter(name="djinsight.persist").delete()
    assert codes(services.schedule()) == ["schedule"]


@pytest.mark.django_db
def test_a_scheduler_that_does_not_read_the_tables(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    create_periodic_tasks(using="default")
    assert list(services.schedule()) == []
    settings.CELERY_BEAT_SCHEDULER = "celery.beat:PersistentScheduler"
    (found,) = services.schedule()
    assert (found.level, found.code) == (Level.ADVICE, "beat")
    assert "PersistentScheduler" in found.text
    monkeypatch.setitem(app.conf.changes, "beat_schedule", beat_schedule())
    assert list(services.schedule()) == []


def celery_of(path: Path, *lines: str) -> list[str]:
    """Return the text and the cure of the finding on Celery in another process.

    Its ``mysite/__init__.py`` has the first of ``lines``, its settings have the others.
    """
    (path / "mysite").mkdir()
    (path / "mysite" / "__init__.py").write_text(lines[0])
    (path / "mysite" / "celery.py").write_text(
        "from celery import Celery\n"
        "app = Celery('mysite')\n"
        "app.config_from_object('django.conf:settings', namespace='CELERY')\n"
    )
    (path / "mysite" / "settings.py").write_text("from tests.settings import *\n" + "\n".join(lines[1:]))
    code = "import django; django.setup(); from djinsight.doctor import services; print(*services.celery())"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONPATH": f"{path}:{processes.ROOT}"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(". ")


def test_a_celery_app_that_nobody_imports(tmp_path: Path) -> None:
    """The finding names the cause, not a setting that is already right."""
    text, cure = celery_of(tmp_path, "")
    assert text.startswith("advice  This process has Celery's default app, which does not read CELERY_")
    assert cure == 'Import the app that mysite/celery.py makes in mysite/__init__.py: "from .celery import app".\n'


def test_a_celery_app_that_is_imported(tmp_path: Path) -> None:
    assert celery_of(tmp_path, "from .celery import app as celery_app") == ["\n"]


def test_a_celery_app_with_settings_of_its_own(tmp_path: Path) -> None:
    """Django's settings have nothing for Celery, but django_celery_beat is installed, whose tables beat must read."""
    removed = 'for name in [name for name in globals() if name.startswith("CELERY_")]: del globals()[name]'
    text, _ = celery_of(tmp_path, "", removed)
    assert "which reads no settings of the site" in text


def test_no_celery_at_all(tmp_path: Path) -> None:
    removed = 'for name in [name for name in globals() if name.startswith("CELERY_")]: del globals()[name]'
    apps = 'INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "django_celery_beat"]'
    assert celery_of(tmp_path, "", removed, apps) == ["\n"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "ftp://x/"],
        ["--url", "/path"],
        ["--url", "http://"],
        ["--url", "http://["],
        ["--url", "http://127.0.0.1:99999/"],
        ["--wait=0"],
        ["--header", "secret"],
        ["--header", "a b: c"],
        ["--header", "Cookie: a\r\nb: c"],
        ["nothing"],
        ["blog.article:987654"],
    ],
)
@pytest.mark.django_db
def test_bad_input(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=r"(?i)expected"):
        call_command("djinsight_doctor", *arguments, stdout=io.StringIO())


@pytest.mark.django_db
def test_an_object_that_is_not_tracked() -> None:
    comment = Comment.objects.create(article=Article.objects.create(title="a"), text="b")
    with pytest.raises(CommandError, match=r"blog\.Comment does not have"):
        call_command("djinsight_doctor", f"blog.comment:{comment.pk}", stdout=io.StringIO())


def test_user_agents() -> None:
    """The doctor reads pages as a crawler, so that pages count no view; the probe's view has to count."""
    assert is_crawler(site.CRAWLER)
    assert not is_crawler(probe.BROWSER)


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("http://127.0.0.1:8000/", "ws://127.0.0.1:8000/ws/djinsight/"),
        ("https://example.org", "wss://example.org/ws/djinsight/"),
        ("https://example.org/blog/", "wss://example.org/ws/djinsight/"),
    ],
)
def test_socket_url(url: str, socket: str) -> None:
    assert site.Site(url).socket_url == socket


@pytest.mark.parametrize(
    "path", ["file:///etc/hostname", "ftp://127.0.0.1:1/", "//example.org/", "http://example.org:8000/", "http://@/"]
)
def test_a_page_elsewhere_is_not_opened(path: str, ref: ObjectRef) -> None:
    found = list(site.page(site.Site("http://127.0.0.1:2/"), ref, path))
    assert [each.code for each in found] == ["page"]
    assert "not opened" in found[0].text


@pytest.mark.parametrize(("path", "said"), [("http://[", "but got 'http://['"), ("//[x", "but got"), ("", "no page")])
def test_a_page_without_a_url(path: str, said: str, ref: ObjectRef) -> None:
    found = list(site.page(site.Site("http://127.0.0.1:2/"), ref, path))
    assert [(each.level, each.code) for each in found] == [(Level.PROBLEM, "page")]
    assert said in found[0].text


def test_only_http_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret")
    answer = site.ask(f"file://{tmp_path}/file", site.Site("http://127.0.0.1:1/"))
    assert isinstance(answer, str)
    assert "expected http or https" in answer


class Redirecting(BaseHTTPRequestHandler):
    """Redirects ``/?to=URL`` to the URL."""

    def do_GET(self) -> None:
        to = self.path.partition("?to=")[2]
        self.send_response(302 if to else 200)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def redirecting() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_redirects_stay_on_the_site(redirecting: str) -> None:
    where = site.Site(f"{redirecting}/")
    elsewhere = redirecting.replace("127.0.0.1", "localhost")
    for to, status in (("/", 200), (f"{elsewhere}/", 302)):
        answer = site.ask(f"{redirecting}/?to={to}", where)
        assert isinstance(answer, site.Answer)
        assert answer.status == status
