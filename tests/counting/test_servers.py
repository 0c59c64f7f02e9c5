"""Servers that refuse something: what a view gets, what the log says, and what the doctor finds."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync
from channels.layers import channel_layers

from djinsight.counting import connections, faults, live_numbers, loading, refusals, scripts
from djinsight.counting.faults import Fault
from djinsight.counting.recorder import Recorder
from djinsight.doctor import redis_servers, services
from djinsight.doctor.findings import Finding, Level
from djinsight.exceptions import Reason, Rejected
from djinsight.history import refusal_counts as history_refusals
from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views, view
from tests.support.documents import ROOT
from tests.support.private_redis import Server, until
from tests.support.servers import cannot_run

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Server]:
    with Server(tmp_path / "redis") as server:
        settings.DJINSIGHT_REDIS_URL = server.url
        yield server
        connections.close_sync()


def problems() -> list[Finding]:
    return [each for each in redis_servers.examine() if each.level is Level.PROBLEM]


async def refused(ref: ObjectRef, times: int = 5) -> set[Reason]:
    """Why views are refused."""
    recording = Recorder(lambda snapshots: None)
    reasons = set()
    for _ in range(times):
        try:
            await recording.record(view(ref))
        except Rejected as error:
            reasons.add(error.reason)
    await recording.aclose()
    await connections.aclose()
    return reasons


FULL = {"maxmemory": "1", "maxmemory-policy": "noeviction"}
REPLICAS = {"min-replicas-to-write": "1"}
REFUSALS = {"OOM": (FULL, Fault.FULL), "NOREPLICAS": (REPLICAS, Fault.REPLICAS)}


@pytest.mark.parametrize("begun", [False, True], ids=["an empty Redis", "with views"])
@pytest.mark.parametrize(("config", "fault"), REFUSALS.values(), ids=REFUSALS)
def test_writes_are_refused(
    config: dict[str, str], fault: Fault, begun: bool, server: Server, ref: ObjectRef, caplog: pytest.LogCaptureFixture
) -> None:
    if begun:
        count_views(ref, 3)
        assert live_numbers.read([ref])[ref].total_views == 3
    with server.client() as client:
        for name, value in config.items():
            client.config_set(name, value)
        assert async_to_sync(refused)(ref) <= {Reason.BUSY, Reason.UNAVAILABLE}
        assert async_to_sync(refused)(ref)
        lines = [line for record in caplog.records if "view" in (line := record.getMessage())]
        assert len(lines) == 1
        assert faults.cure(fault) in lines[0]
        assert begun is bool(live_numbers.read([ref])[ref].total_views)
        (found,) = problems()
        assert (found.code, found.cure) == ("writes", faults.cure(fault))
        for name, value in {"maxmemory": "0", "min-replicas-to-write": "0"}.items():
            client.config_set(name, value)
    assert async_to_sync(refused)(ref) == set()
    assert problems() == []


def test_a_replica(server: Server) -> None:
    server.demote(1)
    (found,) = problems()
    assert (found.code, found.cure) == ("writes", faults.cure(Fault.ELSEWHERE))


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        pytest.param("redis://djinsight:wrong@{host}/0", Fault.PASSWORD, id="a wrong password"),
        pytest.param("redis://nobody:wrong@{host}/0", Fault.PASSWORD, id="no such user"),
        pytest.param("redis://{host}/0", Fault.PASSWORD, id="no password"),
    ],
)
def test_who_may_not_come_in(url: str, fault: Fault, server: Server, settings: Any, ref: ObjectRef) -> None:
    with server.client() as client:
        client.config_set("requirepass", "secret")
    settings.DJINSIGHT_REDIS_URL = url.format(host=server.host)
    (found,) = problems()
    assert (found.code, found.cure) == ("redis", faults.cure(fault))
    assert async_to_sync(refused)(ref) == {Reason.UNAVAILABLE}
    assert live_numbers.read([ref])[ref].total_views == 0


# A user of its own

RULES = re.findall(r"ACL SETUSER djinsight (.*)", (ROOT / "docs" / "how-to" / "redis.md").read_text())
TRIED = set(re.findall(r"try\('([A-Z]+)'", scripts.try_server.text))


def acl(client: redis.Redis, *rules: str) -> None:
    client.execute_command("ACL", "SETUSER", "djinsight", *rules)


def test_the_doctor_tries_every_command_of_the_scripts() -> None:
    folder = ROOT / "djinsight" / "counting" / "scripts"
    used = set()
    for script in folder.glob("*.lua"):
        used |= set(re.findall(r"(?:redis\.p?call|ask)\(\s*'([A-Z]+)'", script.read_text()))
    assert used <= TRIED
    allowed = {rule[1:].upper() for rule in RULES[0].split() if rule.startswith("+")}
    assert allowed >= TRIED


def test_a_user_with_what_the_docs_list(server: Server, settings: Any, ref: ObjectRef, caplog: Any) -> None:
    """Counts, shows, persists, forgets and broadcasts, without INFO."""
    with server.client() as client:
        for rules in RULES:
            acl(client, *rules.split())
    settings.DJINSIGHT_REDIS_URL = url = f"redis://djinsight:secret@{server.host}/0"
    config = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [url]}}
    settings.CHANNEL_LAYERS = {"default": config}
    channel_layers.backends.clear()
    assert async_to_sync(refused)(ref) == set()
    count_views(ref, 3)
    refusals.count(Reason.BOT)
    refusals.flush()
    assert live_numbers.read([ref])[ref].total_views == 8
    persist()
    assert PageViewLog.objects.count() == 8
    assert history_refusals.move() == 1
    loading.forget([ref])
    assert live_numbers.read([ref])[ref].total_views == 8
    found = list(redis_servers.examine())
    assert [(each.level, each.code) for each in found] == [(Level.FINE, "redis"), (Level.ADVICE, "info")]
    assert "+info" in found[1].cure
    assert [each.code for each in services.channel_layer() if each.level is Level.PROBLEM] == []
    assert [record for record in caplog.records if record.name.startswith("djinsight")] == []


@pytest.mark.parametrize("command", ["evalsha", "xadd", "hset", "xtrim", "smismember", "ping", "xlen"])
def test_a_permission_that_is_missing_is_named(command: str, server: Server, settings: Any, ref: ObjectRef) -> None:
    with server.client() as client:
        for rules in RULES:
            acl(client, *rules.split())
        acl(client, f"-{command}")
        settings.DJINSIGHT_REDIS_URL = f"redis://djinsight:secret@{server.host}/0"
        (found,) = problems()
        assert found.code == "permission"
        assert command.upper() in found.text
        assert "docs/how-to/redis.md" in found.cure
        if command in {"evalsha", "xadd"}:
            assert async_to_sync(refused)(ref)


def test_a_missing_permission_deletes_nothing(server: Server, settings: Any, ref: ObjectRef) -> None:
    """A key that may not be read is not taken for one that another program has written over."""
    count_views(ref, 4)
    with server.client() as client:
        for rules in RULES:
            acl(client, *rules.split())
        acl(client, "-xlen", "-hmget", "-hgetall", "-scard", "-get")
        url, settings.DJINSIGHT_REDIS_URL = server.url, f"redis://djinsight:secret@{server.host}/0"
        assert async_to_sync(refused)(ref)
        live_numbers.read([ref])
        settings.DJINSIGHT_REDIS_URL = url
        assert client.xlen("djinsight:events") == 4
    persist()
    assert PageViewLog.objects.count() == 4


def test_keys_of_another_prefix(server: Server, settings: Any) -> None:
    with server.client() as client:
        acl(client, *RULES[0].split(), "resetkeys", "~other:*")
    settings.DJINSIGHT_REDIS_URL = f"redis://djinsight:secret@{server.host}/0"
    assert {each.code for each in problems()} == {"permission"}


# A cluster of one node


@pytest.fixture
def cluster(tmp_path: Path, settings: Any) -> Iterator[Server]:
    with Server(tmp_path / "node", "--cluster-enabled", "yes") as node, node.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383" if _ranges(client) else ADD_SLOTS)
        until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
        settings.DJINSIGHT_REDIS_URL = node.url
        yield node
        connections.close_sync()


ADD_SLOTS = "CLUSTER ADDSLOTS " + " ".join(map(str, range(16384)))


def _ranges(client: redis.Redis) -> bool:
    return int(str(client.info("server")["redis_version"]).split(".")[0]) >= 7


def test_a_cluster_with_one_shard(cluster: Server, ref: ObjectRef, caplog: pytest.LogCaptureFixture) -> None:
    assert async_to_sync(refused)(ref) == {Reason.UNAVAILABLE}
    assert len(caplog.records) == 1
    assert "DJINSIGHT_REDIS_SHARDS" in caplog.records[0].getMessage()
    (found,) = problems()
    assert (found.code, found.cure) == ("writes", faults.cure(Fault.CLUSTER))


def test_a_cluster_with_two_shards(cluster: Server, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 2
    refs = [ObjectRef("blog", "article", str(n)) for n in range(8)]
    for ref in refs:
        assert async_to_sync(refused)(ref, 2) == set()
    assert [live_numbers.read(refs)[ref].total_views for ref in refs] == [2] * 8
    persist()
    assert PageViewLog.objects.count() == 16
    loading.forget(refs)
    assert problems() == []
    assert caplog.records == []


# Sentinel


@pytest.fixture
def sentinels(tmp_path: Path, settings: Any) -> Iterator[tuple[Server, Server, list[int]]]:
    """A primary and its replica, watched by three Sentinels."""
    program = shutil.which("redis-server")
    if program is None:
        cannot_run("Sentinels need redis-server")
    with Server(tmp_path / "a") as primary, Server(tmp_path / "b") as replica:
        replica.follow(primary)
        processes, ports = [], []
        for n in range(3):
            port = _free_port()
            config = tmp_path / f"sentinel{n}.conf"
            config.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
                f"sentinel monitor mymaster 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 10000\n"
            )
            with (tmp_path / f"sentinel{n}.log").open("wb") as log:
                processes.append(subprocess.Popen([str(program), str(config), "--sentinel"], stdout=log, stderr=log))
            ports.append(port)
        try:
            for port in ports:
                with redis.Redis(port=port) as client:
                    until(lambda client=client: _sees_all(client))
            yield primary, replica, ports
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sees_all(client: redis.Redis) -> bool:
    try:
        state = client.sentinel_masters()["mymaster"]
    except redis.ConnectionError:
        return False
    return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)


@pytest.mark.parametrize("how", ["a URL", "the cache"])
def test_sentinels_lead_to_the_primary(
    how: str, sentinels: tuple[Server, Server, list[int]], settings: Any, ref: ObjectRef
) -> None:
    primary, replica, ports = sentinels
    if how == "a URL":
        hosts = ",".join(f"127.0.0.1:{port}" for port in [1, *ports])  # one is down
        settings.DJINSIGHT_REDIS_URL = f"redis+sentinel://{hosts}/0?master=mymaster"
    else:
        settings.DJINSIGHT_REDIS_URL = None
        options = {
            "CLIENT_CLASS": "django_redis.client.SentinelClient",
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "SENTINELS": [("127.0.0.1", port) for port in ports],
        }
        cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://mymaster/0", "OPTIONS": options}
        settings.CACHES = {"default": cache}
    assert async_to_sync(refused)(ref) == set()
    count_views(ref, 3)
    with primary.client() as client:
        assert client.xlen("djinsight:events") == 8
        client.wait(1, 10_000)

    async def fail_over() -> None:
        """With connections that stay open to the one that is demoted."""
        recording = Recorder(lambda snapshots: None)
        await recording.record(view(ref))
        with primary.client() as client, redis.Redis(port=ports[0]) as sentinel:
            await asyncio.to_thread(client.wait, 1, 10_000)
            sentinel.execute_command("SENTINEL", "FAILOVER", "mymaster")

            def moved() -> bool:
                try:
                    with replica.client() as new, primary.client() as old:
                        return bool(new.role()[0] == b"master" and old.role()[0] == b"slave")
                except redis.ConnectionError:  # Sentinel cuts the connections of the one that it demotes
                    return False

            await asyncio.to_thread(until, moved)
        await recording.record(view(ref))
        await recording.aclose()
        await connections.aclose()

    async_to_sync(fail_over)()
    count_views(ref, 1)
    assert live_numbers.read([ref])[ref].total_views == 11
    persist()
    assert PageViewLog.objects.count() == 11
    connections.close_sync()
