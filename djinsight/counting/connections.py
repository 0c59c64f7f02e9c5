"""Connections to Redis: async ones of each event loop, a sync client of each server. None is opened at import."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import hiredis
import redis
import redis.asyncio
from django.core.signals import setting_changed
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from djinsight.conf import conf

SOCKET_PATH_TIMEOUT = 2.0  # seconds: a beacon gets its refusal within this time
POOL = 64  # connections of a loop, or of the threads that render; past it one waits for another's
REST = 5.0  # seconds in which pages do not ask Redis, as it did not answer

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One ``T`` for each running event loop, made when first asked for and closed with the loop.

    The same way as channels_redis keeps its connections: ``async_to_sync`` makes a loop a call, and what was
    opened on it must be closed before it is gone.
    """

    def __init__(self, make: Callable[[], T], aclose: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._aclose = aclose
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def get(self) -> T:
        loop = asyncio.get_running_loop()
        try:
            return self._made[loop]
        except KeyError:
            made = self._made[loop] = self._make()
            self._close_with(loop)
            return made

    async def aclose(self) -> None:
        """Close what this loop has; the next ``get`` makes a new one."""
        made = self._made.pop(asyncio.get_running_loop(), None)
        if made is not None:
            await self._aclose(made)

    def _close_with(self, loop: asyncio.AbstractEventLoop) -> None:
        original = loop.close

        def close(self_: asyncio.AbstractEventLoop) -> None:
            loop.close = original  # type: ignore[method-assign]
            if not loop.is_closed():
                loop.run_until_complete(self.aclose())
            original()

        loop.close = types.MethodType(close, loop)  # type: ignore[method-assign]


@asynccontextmanager
async def aalone(shard: int) -> AsyncIterator[Any]:
    """A connection of this loop to the server of ``shard``, for one question. Raises redis.RedisError or TimeoutError.

    Within ``SOCKET_PATH_TIMEOUT``, or ``DJINSIGHT_REDIS_TIMEOUT`` where that is shorter, all in all. redis-py's own way
    with a command takes half as long again, and with a timeout a task to send it before Python 3.12.
    """
    _check_that_there_is_redis()
    async with asyncio.timeout(min(SOCKET_PATH_TIMEOUT, conf.redis_timeout)):
        pool: Any = _pool(shard)
        connection = await pool.get_connection()
        try:
            yield connection
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)


def _pool(shard: int) -> redis.asyncio.BlockingConnectionPool:
    pools = _pools.get()
    url = _url(shard)
    if url not in pools:
        pool = pools[url] = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=POOL,
            timeout=None,  # that of aalone is for this wait as well
            # Retrying is the caller's decision: redis-py may raise after the server has applied a command.
            retry=AsyncRetry(NoBackoff(), 0),
            socket_timeout=None,  # aalone has one for connecting, sending and reading together
            health_check_interval=30,
        )
        pool.connection_class = _packing_in_c(pool.connection_class)
    return pools[url]


def _packing_in_c(connection_class: Any) -> Any:
    """``connection_class`` with the packing of hiredis, for commands whose name is one word.

    redis-py packs in Python where it is async, 1.2 us an argument, and looks at each before hiredis does where it is
    not, 0.3 against 0.14; a script call for many views has a thousand.
    """

    def pack_command(self: Any, *args: Any) -> list[bytes]:
        return [hiredis.pack_command(args)]

    return type(connection_class.__name__, (connection_class,), {"pack_command": pack_command})


def sync_client(shard: int) -> Any:
    """The sync client (``redis.Redis``) for ``shard``, shared by the threads of this process."""
    _check_that_there_is_redis()
    url = _url(shard)
    if url not in _sync_clients:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=POOL,
            timeout=conf.redis_timeout,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=conf.redis_timeout,
            socket_connect_timeout=conf.redis_timeout,
        )
        client = _sync_clients[url] = redis.Redis(connection_pool=pool)
        # A stream's entries stay lists of names and values, as they come: a dict of each takes as long as its reading.
        client.set_response_callback("XRANGE", lambda reply, **options: reply)
    return _sync_clients[url]


@contextmanager
def alone(shard: int) -> Iterator[Any]:
    """A connection of the sync client for who asks before the last answer is read. Raises redis.RedisError.

    Given back with the block, and closed where the block fails: nobody else is to read what is still to come.
    """
    pool = sync_client(shard).connection_pool
    connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def rest(shard: int) -> None:
    """The server of ``shard`` did not answer: for a few seconds pages need not wait for it one by one."""
    _rest_until[_url(shard)] = time.monotonic() + REST


def resting(shard: int) -> bool:
    """Whether it did not answer a moment ago."""
    return time.monotonic() < _rest_until.get(_url(shard), 0.0)


def close_sync() -> None:
    """Close the sync clients; the next use opens new ones, of which it is not known that they do not answer."""
    _rest_until.clear()
    while _sync_clients:
        _sync_clients.popitem()[1].connection_pool.disconnect()


async def aclose() -> None:
    """Close this loop's connections; the next use opens new ones."""
    await _pools.aclose()


def _check_that_there_is_redis() -> None:
    if conf.testing:
        raise redis.ConnectionError("DJINSIGHT_TESTING is on: there is no Redis")


def _url(shard: int) -> str:
    urls = conf.redis_urls
    return urls[shard % len(urls)]


async def _aclose_all(pools: dict[str, redis.asyncio.BlockingConnectionPool]) -> None:
    for each in pools.values():
        await each.aclose()


_pools: PerLoop[dict[str, redis.asyncio.BlockingConnectionPool]] = PerLoop(dict, _aclose_all)
_sync_clients: dict[str, redis.Redis] = {}
_rest_until: dict[str, float] = {}  # by URL, in the monotonic clock's time


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"DJINSIGHT_REDIS_URL", "DJINSIGHT_REDIS_TIMEOUT", "CACHES"}:
        close_sync()


setting_changed.connect(_forget)
