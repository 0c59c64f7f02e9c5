"""A project made from the README alone: its blocks put into their files, its commands run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
import redis
from django.conf import settings

from demo.simulate import read
from tests.documents import ROOT, blocks
from tests.processes import Process
from tests.sockets import connect_page, view_id

pytestmark = [pytest.mark.once, pytest.mark.docs]

BLOCKS = blocks(ROOT / "README.md")
COMMANDS = [line for block in BLOCKS if block.language == "console" for line in block.text.splitlines()]
WITHIN = 180  # seconds for anything that is waited for

Start = Callable[..., Process]


def run(project: Path, *arguments: str, module: str | None = "mysite.settings") -> str:
    """Run Python to its end and return what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    if module:
        environment["DJANGO_SETTINGS_MODULE"] = module
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=WITHIN)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(beginning: str) -> list[str]:
    """The arguments for Python of the README's command that begins so."""
    (line,) = [line for line in COMMANDS if line.startswith(beginning)]
    program, *arguments = line.split()
    return arguments if program == "python" else ["-m", program, *arguments]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What ``django-admin`` makes, and what the README says."""
    run(tmp_path, "-m", "django", "startproject", "mysite", ".", module=None)
    run(tmp_path, "-m", "django", "startapp", "blog", module=None)
    for block in BLOCKS:
        if block.title:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            # "At the end of them": only settings are added to what is there.
            before = path.read_text() if path.name == "settings.py" else ""
            text = block.text.replace("redis://127.0.0.1:6379", settings.DJINSIGHT_REDIS_URL.removesuffix("/0"))
            path.write_text(before + text)
    example = (ROOT / "asgi_example.py").read_text()
    (tmp_path / "mysite" / "asgi.py").write_text(example.replace("demo.settings", "mysite.settings"))
    run(tmp_path, "manage.py", "makemigrations", "blog")
    return tmp_path


@pytest.fixture
def start(project: Path, db: None) -> Iterator[Start]:
    """Starts one of the README's processes in the project."""
    started: list[Process] = []

    def start(beginning: str, *options: str) -> Process:
        arguments = [*command(beginning), *options]
        started.append(Process(*arguments, cwd=project, DJANGO_SETTINGS_MODULE="mysite.settings"))
        return started[-1]

    yield start
    for process in started:
        process.stop()


async def test_a_project_from_the_readme(project: Path, start: Start, redis_client: redis.Redis) -> None:
    run(project, *command("python manage.py migrate"))
    assert "no issues" in run(project, "manage.py", "check", "--fail-level", "WARNING")
    # There is nothing to migrate in the app but its own table.
    assert "No changes detected" in run(project, "manage.py", "makemigrations", "--check", "--dry-run")
    run(
        project,
        "manage.py",
        "shell",
        "--no-imports",
        "-c",
        "from blog.models import Article; Article.objects.create(title='First')",
    )

    server = start("daphne", "-e", "tcp:0:interface=127.0.0.1")
    start("celery -A mysite worker", "--pool", "solo", "--loglevel", "INFO").wait_for(r"ready\.$")
    start("celery -A mysite beat")
    port = server.wait_for(r"Listening on TCP address 127\.0\.0\.1:(\d+)")[1]
    host = f"127.0.0.1:{port}"
    html = read(f"http://{host}/", "articles/1/")
    view, watch = (unescape(re.search(f'data-djinsight-{name}="([^"]+)"', html)[1]) for name in ("view", "watch"))  # type: ignore[index]

    watching, viewing = await connect_page(host), await connect_page(host)
    await watching.subscribe(watch)
    assert (await viewing.view(view, view_id()))["type"] == "counted"
    assert (await watching.counter(1))["total_views"] == 1
    await watching.close()
    await viewing.close()

    # The beat sends the task, the worker writes: both by what ``migrate`` created.
    query = (
        "from blog.models import Article; from djinsight.models import PageViewLog; "
        "print(PageViewLog.objects.count(), Article.objects.filter(total_views__gte=1).count())"
    )
    for _ in range(WITHIN):
        rows = run(project, "manage.py", "shell", "--no-imports", "-c", query).split()
        if rows != ["0", "0"]:
            break
    assert rows == ["1", "1"]

    # Nothing that the README says is advised or missed.
    said = run(project, "manage.py", "djinsight_doctor", "blog.article:1", "--url", f"http://{host}/")
    assert "No problems found." in said
    assert [line for line in said.splitlines() if line.startswith("advice") and "append-only file" not in line] == []
