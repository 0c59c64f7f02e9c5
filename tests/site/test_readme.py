"""Projects made from the README, the tutorial and Wagtail's guide alone: their files and commands as they stand."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
import redis
from django.conf import settings

from demo.simulate import read
from tests.support.documents import ROOT, blocks, name_of
from tests.support.processes import Process
from tests.support.sockets import connect_page, view_id

pytestmark = [pytest.mark.once, pytest.mark.docs]

WITHIN = 600  # seconds for anything that is waited for
# Commands of a console that the test does in its own way: it has an environment, a Redis and no terminal.
OWN_WAY = ("mkdir ", "python3 -m venv ", "pip install ", "redis-server ", "python manage.py createsuperuser")
SERVERS = ("python manage.py runserver", "python -m djinsight.daphne ")
STAY = (*SERVERS, "celery ")  # commands that do not end
BY_HAND = "python manage.py djinsight_doctor"  # a command for when something is wrong
PROGRAMS = {"django-admin": "django", "wagtail": "wagtail.bin.wagtail"}  # commands and their modules
ARTICLE = "from blog.models import Article; Article.objects.get_or_create(pk=1, defaults={'title': 'First'})"
BLOG_PAGE = (
    "from blog.models import BlogPage; from wagtail.models import Page; "
    "Page.objects.get(slug='home').add_child(instance=BlogPage(title='First', slug='first')); "
)

Start = Callable[..., Process]


@dataclass(frozen=True)
class Guide:
    """A page that makes a project, and what its reader does by hand."""

    page: Path
    settings: str = "mysite.settings"
    extended: tuple[str, ...] = ("mysite/settings.py",)  # files to whose end a block is added
    create: str = ARTICLE  # code that creates an object
    path: str = "articles/1/"  # the page of the object
    name: str = "blog.Article"

    def commands(self) -> list[str]:
        lines = [line for block in blocks(self.page) if block.language == "console" for line in block.text.splitlines()]
        lines = [line for line in lines if not line.startswith((*OWN_WAY, BY_HAND))]
        if self.page.name == "README.md":  # it begins with a project
            return ["django-admin startproject mysite .", "python manage.py startapp blog", *lines]
        return lines


GUIDES = [
    Guide(ROOT / "README.md"),
    Guide(ROOT / "docs" / "tutorial.md"),
    Guide(
        ROOT / "docs" / "how-to" / "wagtail.md",
        settings="mysite.settings.dev",
        extended=("mysite/settings/base.py", "mysite/urls.py"),
        create=BLOG_PAGE,
        path="first/",
        name="blog.BlogPage",
    ),
]


def run(project: Path, *arguments: str, **environment: str) -> str:
    """Run Python to its end and return its output. The project's ``manage.py`` names its settings."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=project, env={**inherited, **environment}, capture_output=True, text=True, timeout=WITHIN
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell(project: Path, code: str, **environment: str) -> str:
    return run(project, "manage.py", "shell", "--no-imports", "-c", code, **environment)


def arguments_of(line: str) -> list[str]:
    """Return the arguments for Python of a command line."""
    program, *arguments = shlex.split(line)
    return arguments if program == "python" else ["-m", PROGRAMS.get(program, program), *arguments]


@pytest.fixture(params=GUIDES, ids=lambda guide: name_of(guide.page))
def guide(request: pytest.FixtureRequest) -> Guide:
    found: Guide = request.param
    return found


@pytest.fixture
def project(guide: Guide, tmp_path: Path, db: None) -> Path:
    """A project by the guide, in which every command that ends has run."""
    begin, startapp, *lines = guide.commands()
    run(tmp_path, *arguments_of(begin))
    run(tmp_path, *arguments_of(startapp))
    for block in blocks(guide.page):
        # The guide of Wagtail ends with files for other projects.
        if block.title and block.title not in {"blog/views.py", "blog/viewsets.py"}:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_text() if block.title in guide.extended else ""
            path.write_text(before + block.text.replace("redis://127.0.0.1:6379", _redis()))
    for line in lines:
        if not line.startswith(STAY):
            run(tmp_path, *arguments_of(line))
    return tmp_path


def _redis() -> str:
    return str(settings.DJINSIGHT_REDIS_URL.removesuffix("/0"))


@pytest.fixture
def start(guide: Guide, project: Path) -> Iterator[Start]:
    """Starts one of the guide's processes in the project: ``start("celery -A mysite worker")``."""
    started: list[Process] = []

    def start(beginning: str, *options: str) -> Process:
        (line,) = [line for line in guide.commands() if line.startswith(beginning)]
        arguments = [*arguments_of(line), *options]
        started.append(Process(*arguments, cwd=project, DJANGO_SETTINGS_MODULE=guide.settings))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def serve(guide: Guide, start: Start) -> str:
    """Start the guide's server on a free port, and return its host when it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (line,) = [line for line in guide.commands() if line.startswith(SERVERS)]
    address = [f"127.0.0.1:{port}", "--noreload"] if "runserver" in line else ["-b", "127.0.0.1", "-p", str(port)]
    process = start(line, *address)
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline and process.popen.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"expected {line} to listen but got:\n{process.output}")


def token(html: str, scope: str) -> str:
    found = re.search(f'data-djinsight-{scope}="([^"]+)"', html)
    assert found is not None
    return unescape(found[1])


async def test_a_project(guide: Guide, project: Path, start: Start, redis_client: redis.Redis) -> None:
    assert "no issues" in run(project, "manage.py", "check", "--fail-level", "WARNING")
    # There is nothing to migrate in the app but its own table.
    assert "No changes detected" in run(project, "manage.py", "makemigrations", "--check", "--dry-run")
    shell(project, guide.create)

    host = serve(guide, start)
    start("celery -A mysite worker", "--pool", "solo", "--loglevel", "INFO").wait_for(r"ready\.$")
    start("celery -A mysite beat")
    html = read(f"http://{host}/", guide.path)
    assert html.startswith("<!doctype html>")

    watching, viewing = await connect_page(host), await connect_page(host)
    await watching.subscribe(token(html, "watch"))
    assert (await viewing.view(token(html, "view"), view_id()))["type"] == "counted"
    assert (await watching.counter(1))["total_views"] == 1
    await watching.close()
    await viewing.close()

    # The beat sends the task, the worker writes: both by the periodic tasks that ``migrate`` has created.
    _, name = guide.name.split(".")
    query = (
        f"from blog.models import {name} as Model; from djinsight.models import PageViewLog; "
        "print(PageViewLog.objects.count(), Model.objects.filter(total_views__gte=1).count(), Model.objects.first().pk)"
    )
    for _ in range(WITHIN):
        *rows, key = shell(project, query).split()
        if rows != ["0", "0"]:
            break
    assert rows == ["1", "1"]

    # The doctor has no advice, and misses nothing.
    said = run(project, "manage.py", "djinsight_doctor", f"{guide.name.lower()}:{key}", "--url", f"http://{host}/")
    assert "No problems found." in said
    assert [line for line in said.splitlines() if line.startswith("advice") and "append-only file" not in line] == []

    if guide.page.name == "tutorial.md":
        _shows_more(project, host)


def _shows_more(project: Path, host: str) -> None:
    """The list of the tutorial is live and counts nothing; its admin has the numbers."""
    html = read(f"http://{host}/", "")
    assert ">First</a>" in html
    assert ">Second</a>" in html
    assert token(html, "watch")
    assert "data-djinsight-view" not in html
    assert "djinsight.js" in html
    run(
        project,
        *("manage.py", "createsuperuser", "--no-input", "--username", "me", "--email", "me@example.com"),
        DJANGO_SUPERUSER_PASSWORD="a password of mine",
    )
    code = (
        "from django.contrib.auth.models import User; from django.test import Client; client = Client(); "
        "client.force_login(User.objects.get()); "
        "print(client.get('/admin/blog/article/', headers={'host': 'localhost'}).content.decode())"
    )
    assert '<td class="field-total_views">1</td>' in shell(project, code)
