"""Redis fails while views come in over sockets: each view counts once, and every page ends on the true number."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async

from djinsight.counting import connections
from djinsight.history.persist import persist
from djinsight.live import hub
from djinsight.tracked.refs import ObjectRef
from tests.faults import ledger
from tests.faults.crowd import Crowd, answer_to
from tests.faults.redis import Redis
from tests.faults.soak import seconds, times
from tests.support.proxy import Proxy
from tests.support.sockets import BROWSER, connect_page, open_page, view_id
from tests.support.tallies import live, losses, persisted

pytestmark = pytest.mark.once

Site = Callable[..., str]
Fault = Callable[[Redis, redis.Redis, Crowd], Awaitable[None]]


@database_sync_to_async
def settle(fault: str, accepted: int, ref: ObjectRef) -> None:
    """Persist the remaining views, and check that none is lost or doubled."""
    assert live(ref)[0] == accepted
    while persist().entries:
        pass
    ledger.close(fault, accepted)
    assert losses() == []
    assert persisted(ref)[0] == live(ref)[0] == accepted


async def scripts_flushed(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    for _ in range(times(10)):
        client.script_flush()
        await crowd.more(10)


async def pubsub_killed(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    for _ in range(times(5)):
        client.client_kill_filter(_type="pubsub")
        await crowd.more(20)


async def connections_killed(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    for _ in range(times(20)):
        client.client_kill_filter(_type="normal", skipme=True)
        await crowd.more(5)


async def keys_planted(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    kinds = ("counter", "unique_counter", "viewed", "day", "session", "ids")
    for kind in kinds * times(1):
        for key in client.scan_iter(f"djinsight:{kind}:*"):
            planted = client.pipeline()
            planted.delete(key)
            planted.lpush(key, "planted")
            planted.execute()
        await crowd.more(20)


async def memory_full(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    for _ in range(times(3)):
        client.config_set("maxmemory", 1)
        await crowd.more_refused("busy", 5)
        client.config_set("maxmemory", 0)
        await crowd.more(20)


async def stopped(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    server.send(signal.SIGSTOP)
    await asyncio.sleep(seconds(3, 30))
    server.send(signal.SIGCONT)
    await crowd.more(50)
    assert crowd.refused["unavailable"]


async def killed_and_started(server: Redis, client: redis.Redis, crowd: Crowd) -> None:
    for _ in range(times(2)):
        server.kill()
        await crowd.more_refused("unavailable", 5)
        await asyncio.to_thread(server.start)
        await crowd.more(50)


FAULTS: dict[str, Fault] = {
    "scripts flushed": scripts_flushed,
    "pub/sub connections killed": pubsub_killed,
    "connections killed": connections_killed,
    "keys planted": keys_planted,
    "memory full": memory_full,
    "Redis stopped": stopped,
    "Redis killed and started": killed_and_started,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_redis_fails_while_views_come_in(
    fault: str, own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    async with Crowd(site(), view_token, watch_token) as crowd:
        await crowd.more(50)
        with own_redis.client() as client:
            await FAULTS[fault](own_redis, client, crowd)
        accepted = await crowd.finish()
        await crowd.converge(accepted)
    await settle(fault, accepted, ref)


@pytest.mark.parametrize("how", ["swallowed", "dropped"])
async def test_the_answer_of_the_script_is_lost(
    how: str, own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    """The retry of a view that Redis has counted, but whose answer was lost, counts once because of its id."""
    async with Proxy(own_redis.host) as proxy:
        host = await asyncio.to_thread(site, f"redis://{proxy.host}/0")
        async with Crowd(host, view_token, watch_token, viewers=2) as crowd:
            for _ in range(times(2)):
                await crowd.more(20)
                proxy.swallowed.clear()
                proxy.swallow = b"EVALSHA"
                async with asyncio.timeout(30):
                    await proxy.swallowed.wait()
                proxy.swallow = b""
                if how == "dropped":
                    proxy.cut()
            await crowd.more(20)
            accepted = await crowd.finish()
            await crowd.converge(accepted)
        if how == "swallowed":
            assert crowd.refused["unavailable"]
    await settle(f"answers {how}", accepted, ref)


async def test_redis_is_down_at_the_start(
    own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    own_redis.kill()
    host = await asyncio.to_thread(site)
    async with Crowd(host, view_token, watch_token) as crowd:
        await crowd.more_refused("unavailable", 10)
        assert crowd.accepted == 0
        await asyncio.to_thread(own_redis.start)
        await crowd.more(50)
        accepted = await crowd.finish()
        await crowd.converge(accepted)
    await settle("Redis down at the start", accepted, ref)


async def test_three_hundred_beacons_at_once_on_a_cold_process(
    own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    """The process has loaded no counter and no script, and has no open connection."""
    async with Crowd(site(), view_token, watch_token, viewers=0) as crowd:
        pages = [await connect_page(crowd.host) for _ in range(10)]
        for n in range(300):
            await pages[n % 10].send({"type": "view", "id": view_id(n), "token": view_token})
        answers = [await answer_to(pages[n % 10], view_id(n)) for n in range(300)]
        assert [answer["type"] for answer in answers] == ["counted"] * 300
        await crowd.converge(300)
        for page in pages:
            await page.close()
    await settle("300 beacons on a cold process", 300, ref)


async def test_handlers_that_are_cancelled(
    own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    """Pages vanish with views in flight, and send them again when they come back."""
    async with Crowd(site(), view_token, watch_token, viewers=0) as crowd:
        for round_ in range(times(5)):
            ids = [view_id(100 * round_ + n) for n in range(30)]
            gone = await connect_page(crowd.host)
            for each in ids:
                await gone.send({"type": "view", "id": each, "token": view_token})
            gone.transport.connection.transport.abort()  # type: ignore[attr-defined]
            back = await connect_page(crowd.host)
            for each in ids:
                await back.send({"type": "view", "id": each, "token": view_token})
                assert (await answer_to(back, each))["type"] == "counted"
            await back.close()
        accepted = 30 * times(5)
        await crowd.converge(accepted)
    await settle("cancelled handlers", accepted, ref)


async def test_http_requests_that_are_cancelled(
    own_redis: Redis, site: Site, ref: ObjectRef, view_token: str, watch_token: str
) -> None:
    """Requests of the HTTP fallback are cut before they are answered, and retried."""
    async with Crowd(site(), view_token, watch_token, viewers=0) as crowd:
        accepted = 20 * times(1)
        for n in range(accepted):
            frame = json.dumps({"type": "view", "id": view_id(n), "token": view_token})
            await post(crowd.host, frame, and_go=True)
            assert b'"counted"' in await post(crowd.host, frame)
        await crowd.converge(accepted)
    await settle("cancelled requests", accepted, ref)


async def post(host: str, body: str, *, and_go: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection(*host.split(":"))
    head = (
        f"POST /djinsight/record-view/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUser-Agent: {BROWSER}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body.encode())
    await writer.drain()
    answer = b"" if and_go else await reader.read()
    writer.transport.abort()
    return answer


def test_two_event_loops_in_one_process(
    own_redis: Redis, ref: ObjectRef, settings: Any, view_token: str, watch_token: str
) -> None:
    """Each event loop has its own hub, recorder and connections, and shows the views that the other one counts."""
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [own_redis.url]}}
    settings.CHANNEL_LAYERS = {"default": layer}

    async def a_loop(first: int) -> int:
        page, watching = await open_page(), await open_page()
        await watching.subscribe(watch_token)
        for n in range(first, first + 100):
            assert (await page.view(view_token, view_id(n)))["type"] == "counted"
        shown: int = (await watching.counter(200))["total_views"]
        await page.close()
        await watching.close()
        await hub.aclose()
        await connections.aclose()
        return shown

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda first: asyncio.run(a_loop(first)), (0, 1000))) == [200, 200]
    async_to_sync(settle)("two event loops", 200, ref)
