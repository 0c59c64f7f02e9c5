"""Sites: a data set of Redis belongs to one of them, and what one broadcasts another does not hear."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer
from django.conf import settings as current
from django.core.management import CommandError

from djinsight.beacons import tokens
from djinsight.counting import connections, live_numbers, loading, sites
from djinsight.counting.keys import Keys, group_name
from djinsight.counting.snapshot import Snapshot
from djinsight.doctor import redis_servers
from djinsight.doctor.findings import Level
from djinsight.exceptions import ForeignDataSet
from djinsight.history.persist import persist
from djinsight.live import broadcasts
from djinsight.models import PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.support import commands
from tests.support.counted_views import count_views
from tests.support.processes import ROOT
from tests.support.sockets import WITHIN, view_id

pytestmark = pytest.mark.django_db(transaction=True)

META = "djinsight:meta"


def other_site(**environment: str) -> dict[str, Any]:
    """Return what the other site receives, which runs in another process with a database of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.other_site"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_data_of_another_site_is_neither_read_nor_written(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 5)
    loading.load([ref])
    before = {name: redis_client.dump(name) for name in redis_client.scan_iter()}
    said = other_site(OTHER_DELETES="1")
    assert said == {"counted": "unavailable", "page": 0, "persisted": "ForeignDataSet", "rows": 0}
    assert {name: redis_client.dump(name) for name in redis_client.scan_iter()} == before
    assert persist().views == 5
    assert PageViewStatistics.objects.get().total_views == 5


def test_a_prefix_or_a_database_of_its_own_is_enough(ref: ObjectRef, redis_client: redis.Redis, settings: Any) -> None:
    count_views(ref, 5)
    own = json.dumps({"DJINSIGHT_REDIS_KEY_PREFIX": "other:"})
    assert other_site(TEST_SETTINGS=own)["persisted"] == 1
    own = json.dumps({"DJINSIGHT_REDIS_URL": f"{current.CACHES['default']['LOCATION'].rpartition('/')[0]}/1"})
    assert other_site(TEST_SETTINGS=own)["persisted"] == 1
    assert persist().views == 5


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("the key, a new database", {"OTHER_SECRET_KEY": "only for tests"}),
        ("a rotated key with the one before", {"OTHER_FALLBACKS": '["only for tests"]'}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_same_site(name: str, environment: dict[str, str], ref: ObjectRef, tmp_path: Any) -> None:
    count_views(ref, 5)
    said = other_site(OTHER_DATABASE=str(tmp_path / "fresh.sqlite3"), **environment)
    assert (said["counted"], said["persisted"]) == ("counted", 6), name


def test_a_rolling_deploy_of_a_new_key(ref: ObjectRef, settings: Any) -> None:
    """Old processes know one key, new ones both; then the old key is gone. Each counts."""
    count_views(ref, 1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["only for tests"]
    count_views(ref, 1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "only for tests", []
    count_views(ref, 1)
    settings.SECRET_KEY = "new"
    count_views(ref, 1)
    assert persist().views == 4


def test_a_new_key_without_the_one_before(ref: ObjectRef, settings: Any) -> None:
    """The database proves that it is the same site, once it is known to Redis."""
    count_views(ref, 1)
    assert persist().views == 1
    settings.SECRET_KEY = "nobody knows the one before"
    count_views(ref, 1)
    assert persist().views == 1


async def test_and_on_the_socket_path(ref: ObjectRef, settings: Any, transactional_db: None) -> None:
    count_views(ref, 1)
    await asyncio.to_thread(persist)
    settings.SECRET_KEY = "nobody knows the one before"
    assert (await live_numbers.aread([ref]))[ref].total_views == 1
    await connections.aclose()


async def until(true: Callable[[], Any]) -> None:
    """Wait until what another task or process does can be seen."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + WITHIN
    while not true():
        assert loop.time() < ends
        await asyncio.sleep(0.02)


def foreign(redis_client: redis.Redis) -> None:
    """Make the data set that of another site."""
    redis_client.delete(META)
    redis_client.hset(META, mapping={"site": "a" * 32, "key:" + "b" * 32: 1, "database": "c" * 32, "epoch": "dd"})


def test_it_is_said_once(ref: ObjectRef, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    foreign(redis_client)
    for _ in range(3):
        assert live_numbers.read([ref])[ref].total_views == 0
        with pytest.raises(ForeignDataSet):
            persist()
    (said,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "belongs to another site" in said.getMessage()
    assert "DJINSIGHT_REDIS_KEY_PREFIX" in said.getMessage()


def test_a_page_shows_what_the_database_has(ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 3)
    persist()
    foreign(redis_client)
    sites.forget()
    redis_client.set(Keys(0).of_ref(ref, "20260101").counter, 99)
    assert live_numbers.read([ref])[ref].total_views == 3


def test_the_doctor_says_it(redis_client: redis.Redis) -> None:
    foreign(redis_client)
    (finding,) = [finding for finding in redis_servers.examine() if finding.code == "site"]
    assert (finding.level, "djinsight_claim" in finding.cure) == (Level.PROBLEM, True)


def test_the_command_takes_it_back(ref: ObjectRef, redis_client: redis.Redis) -> None:
    foreign(redis_client)
    with pytest.raises(CommandError, match="belongs to another site"):
        commands.run("process_pageviews")
    with pytest.raises(CommandError):
        commands.run("djinsight_claim")
    assert "1 data set" in commands.run("djinsight_claim", yes=True)
    count_views(ref, 2)
    assert persist().views == 2
    fields = redis_client.hgetall(META)
    assert fields[b"site"] != b"a" * 32
    assert b"key:" + b"b" * 32 not in fields


@pytest.mark.parametrize("damage", ["flush", "meta", "text"])
def test_an_id_that_is_gone_is_put_back(damage: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    count_views(ref, 1)
    site = sites.known()
    if damage == "flush":
        redis_client.flushall()
    elif damage == "meta":
        redis_client.delete(META)
    else:
        redis_client.set(META, "x")
    count_views(ref, 1)
    assert redis_client.hget(META, "site") == site.encode()


def test_two_databases_with_one_key_are_told(
    ref: ObjectRef, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        count_views(ref, 1)
        persist()
        redis_client.hset(META, "database", "c" * 32)  # that of a copy of the site, which persists in turn
    count_views(ref, 1)
    persist()
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "two databases take views" in said


async def test_what_one_site_broadcasts_another_does_not_hear(
    daphne: Callable[..., str], connect: Callable[..., Any], ref: ObjectRef, settings: Any, redis_client: redis.Redis
) -> None:
    """Two sites on one Redis server, each with a database number of its own, as pub/sub knows none."""
    url = f"{current.CACHES['default']['LOCATION'].rpartition('/')[0]}/1"
    one, another = daphne(), daphne(SECRET_KEY="of another site", DJINSIGHT_REDIS_URL=url)
    watch, view = tokens.mint("watch", ref), tokens.mint("view", ref)
    settings.SECRET_KEY = "of another site"
    other_watch, other_view = tokens.mint("watch", ref), tokens.mint("view", ref)

    watching, other_watching = await connect(one), await connect(another)
    await watching.subscribe(watch)
    await other_watching.subscribe(other_watch)
    assert len(redis_client.pubsub_channels("*djinsight.*")) >= 2
    other = await connect(another)
    for n in range(5):
        assert (await other.view(other_view, view_id(n)))["type"] == "counted"
    assert (await other_watching.counter(5))["total_views"] == 5
    mine = await connect(one)
    assert (await mine.view(view, view_id(99)))["type"] == "counted"
    assert (await watching.counter(1))["total_views"] == 1


async def test_a_hub_follows_the_id_of_its_site(
    open_socket: Callable[..., Any], watch_token: str, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    """Redis lost everything, and a process that knows of nothing was the first to count."""
    page = await open_socket()
    await page.subscribe(watch_token)
    before = sites.known()
    redis_client.flushall()
    redis_client.hset(META, "site", "e" * 32)
    await sites.acheck()
    assert sites.known() == "e" * 32 != before
    layer: Any = get_channel_layer()
    channels = f"*{group_name('e' * 32)}"
    await until(lambda: redis_client.pubsub_channels(channels))
    snapshot = Snapshot(ref, 7, 7, 7, None, None, 99_999)
    await layer.group_send(group_name("e" * 32), broadcasts.message([snapshot]))
    assert (await page.counter(7))["total_views"] == 7


async def test_a_hub_that_moves_tells_the_others(
    open_socket: Callable[..., Any], watch_token: str, redis_client: redis.Redis
) -> None:
    page = await open_socket()
    await page.subscribe(watch_token)
    before = sites.known()
    redis_client.flushall()
    redis_client.hset(META, "site", "e" * 32)
    layer: Any = get_channel_layer()
    await layer.group_send(group_name(before), broadcasts.moved())
    await until(lambda: sites.known() == "e" * 32)
