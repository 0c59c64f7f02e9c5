"""Failover: an address that leads to another server later, while connections to the demoted one stay open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from djinsight.counting import connections, faults, live_numbers, scripts, snapshot
from djinsight.counting.faults import Fault
from djinsight.counting.keys import Keys
from djinsight.counting.recorder import Recorder
from djinsight.exceptions import Rejected
from djinsight.history.persist import persist
from djinsight.models import PageViewLog, PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views, view
from tests.support.private_redis import Server, until
from tests.support.proxy import Proxy

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica."""
    with Server(tmp_path / "a") as primary, Server(tmp_path / "b") as replica:
        replica.follow(primary)
        yield primary, replica


@pytest.fixture
async def address(servers: tuple[Server, Server], settings: Any) -> AsyncIterator[Proxy]:
    """The one address of both, which leads to the primary."""
    async with Proxy(servers[0].host) as proxy:
        settings.DJINSIGHT_REDIS_URL = f"redis://{proxy.host}/0"
        yield proxy
        await connections.aclose()
        await asyncio.to_thread(connections.close_sync)


@pytest.fixture
async def recording() -> AsyncIterator[Recorder]:
    each = Recorder(lambda snapshots: None)
    yield each
    await each.aclose()


async def fail_over(servers: tuple[Server, Server], address: Proxy) -> None:
    """The replica is the primary from now on, and the address leads to it; open connections stay where they are."""
    old, new = servers

    def promote() -> None:
        # Everything is copied by then.
        with old.client() as client:
            client.wait(1, 10_000)
        new.lead()
        old.follow(new)

    await asyncio.to_thread(promote)
    address.target = new.host


async def test_views_count_on(
    servers: tuple[Server, Server], address: Proxy, recording: Recorder, ref: ObjectRef
) -> None:
    await asyncio.gather(*(recording.record(view(ref, str(n))) for n in range(5)))
    await fail_over(servers, address)
    # One after the other, so that each is a call of its own, and many at once.
    for n in range(5):
        await recording.record(view(ref, str(n)))
    await asyncio.gather(*(recording.record(view(ref, str(n))) for n in range(20)))
    assert (await live_numbers.aread([ref]))[ref].total_views == 30
    with servers[1].client() as client:
        assert client.xlen("djinsight:events") == 30


async def test_a_view_that_is_sent_again_counts_once(
    servers: tuple[Server, Server], address: Proxy, recording: Recorder, ref: ObjectRef
) -> None:
    sent = view(ref)
    assert await recording.record(sent) is True
    await fail_over(servers, address)
    assert await recording.record(sent) is False
    assert (await live_numbers.aread([ref]))[ref].total_views == 1


async def test_persist_writes_and_trims(servers: tuple[Server, Server], address: Proxy, ref: ObjectRef) -> None:
    await asyncio.to_thread(count_views, ref, 5)
    await asyncio.to_thread(persist)
    await fail_over(servers, address)
    await asyncio.to_thread(count_views, ref, 5)
    await asyncio.to_thread(persist)

    def rows() -> list[int]:
        pending = connections.sync_client(0).xlen("djinsight:events")
        return [PageViewLog.objects.count(), PageViewStatistics.objects.get().total_views, pending]

    assert await asyncio.to_thread(rows) == [10, 10, 0]
    with servers[1].client() as client:
        assert client.xlen("djinsight:events") == 0


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_pages_read_the_new_primary(
    how: str, servers: tuple[Server, Server], address: Proxy, ref: ObjectRef
) -> None:
    """A demoted server answers reads; one that follows no primary any longer keeps old numbers for good."""
    await asyncio.to_thread(count_views, ref, 5)

    async def read() -> int:
        if how == "async":
            return (await live_numbers.aread([ref]))[ref].total_views
        return (await asyncio.to_thread(live_numbers.read, [ref]))[ref].total_views

    assert await read() == 5
    old, new = servers
    await fail_over(servers, address)

    def count_there() -> None:
        # By a process that has never had the old server; the old one loses touch with the new one.
        old.demote(1)
        with new.client() as client:
            client.incrby(Keys(0).of_ref(ref, "x").counter, 3)

    await asyncio.to_thread(count_there)
    assert await read() == 8


async def test_one_answer_outdates_every_idle_connection(
    servers: tuple[Server, Server], address: Proxy, ref: ObjectRef
) -> None:
    await asyncio.gather(*(snapshot.aread([ref]) for _ in range(10)))

    def clients(server: Server) -> int:
        with server.client() as client:
            return len([each for each in client.client_list() if each["cmd"] in {"evalsha", "eval"}])

    assert await asyncio.to_thread(clients, servers[0]) > 1
    await fail_over(servers, address)
    for _ in range(10):
        await snapshot.aread([ref])
    await asyncio.gather(*(snapshot.aread([ref]) for _ in range(10)))
    await asyncio.to_thread(until, lambda: clients(servers[0]) == 0)


async def test_while_there_is_no_primary(
    servers: tuple[Server, Server], address: Proxy, recording: Recorder, ref: ObjectRef, caplog: Any
) -> None:
    """Both are replicas for a while: views are refused, said once and with what to do, and then count on."""
    await recording.record(view(ref))
    await asyncio.to_thread(servers[0].demote, servers[1].port)
    for _ in range(5):
        with pytest.raises(Rejected):
            await recording.record(view(ref))
    said = [record.getMessage() for record in caplog.records if "not counted" in record.getMessage()]
    assert len(said) == 1
    assert "READONLY" in said[0]
    assert faults.cure(Fault.ELSEWHERE) in said[0]
    await asyncio.to_thread(servers[0].lead)
    await recording.record(view(ref))


@pytest.mark.parametrize(
    "script",
    ["begin_epoch", "trim_stream", "count_refusals", "take_refusals"],
)
async def test_every_script_of_a_worker(
    script: str, servers: tuple[Server, Server], address: Proxy, ref: ObjectRef
) -> None:
    await asyncio.to_thread(count_views, ref, 1)
    names = Keys(0)
    calls: dict[str, tuple[list[str], list[Any]]] = {
        "begin_epoch": ([names.events, names.meta, names.shed], ["other", 0]),
        "trim_stream": ([names.events, names.meta, names.pending], ["", 0, 0, 0]),
        "count_refusals": ([names.refused, names.meta], ["20300101:bot", 1]),
        "take_refusals": ([names.refused, names.refused_moving, names.meta], ["id"]),
    }
    keys, args = calls[script]

    def epoch() -> str:
        return str(connections.sync_client(0).hget(names.meta, "epoch").decode())

    if script == "trim_stream":
        args[0] = await asyncio.to_thread(epoch)
    if script == "take_refusals":
        await asyncio.to_thread(scripts.count_refusals.call, connections.sync_client(0), *calls["count_refusals"])
    await fail_over(servers, address)
    await asyncio.to_thread(getattr(scripts, script).call, connections.sync_client(0), keys, args)

    def port() -> int:
        return int(connections.sync_client(0).config_get("port")["port"])

    assert await asyncio.to_thread(port) == servers[1].port


ERRORS: dict[str, tuple[BaseException | str, Fault]] = {
    "a replica": (redis.ReadOnlyError("You can't write against a read only replica."), Fault.ELSEWHERE),
    "a replica, in a script": ("READONLY You can't write against a read only replica.", Fault.ELSEWHERE),
    "a replica, in a script of Redis 6": (
        "ERR Error running script (call to f_1): @user_script:71: -READONLY You can't write against a read only "
        "replica.",
        Fault.ELSEWHERE,
    ),
    "a replica, caught in a script of Redis 6": (
        "@user_script: 71: -READONLY You can't write against a read only replica.  ",
        Fault.ELSEWHERE,
    ),
    "it loads": (redis.BusyLoadingError("Redis is loading the dataset in memory"), Fault.ELSEWHERE),
    "another node": (redis.exceptions.MovedError("3999 127.0.0.1:6381"), Fault.ELSEWHERE),
    "no primary": (redis.exceptions.MasterDownError("Link with MASTER is down"), Fault.ELSEWHERE),
    "no cluster": (redis.exceptions.ClusterDownError("The cluster is down"), Fault.ELSEWHERE),
    "woken": (redis.ResponseError("UNBLOCKED force unblock from blocking operation"), Fault.ELSEWHERE),
    "full": (redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), Fault.FULL),
    "replicas": ("NOREPLICAS Not enough good replicas to write.", Fault.REPLICAS),
    "disk": (redis.ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's failing"), Fault.DISK),
    "permission": (redis.exceptions.NoPermissionError("User u has no permissions to run 'info'"), Fault.PERMISSION),
    "password": (redis.AuthenticationError("invalid username-password pair or user is disabled."), Fault.PASSWORD),
    "slots": (redis.exceptions.ClusterCrossSlotError("Keys in request don't hash to the same slot"), Fault.CLUSTER),
    "refused": (redis.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."), Fault.DOWN),
    "silent": (redis.TimeoutError("Timeout reading from socket"), Fault.DOWN),
    "silent, async": (TimeoutError(), Fault.DOWN),
    "a fault of ours": (redis.ResponseError("ERR wrong number of arguments; OOM is none"), Fault.OTHER),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_what_an_error_means(error: BaseException | str, expected: Fault) -> None:
    assert faults.fault_of(error) is expected
    assert faults.cure(expected)
