"""Connections to Redis: async ones for each event loop, a sync client for each server. None is opened at import."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.core.signals import setting_changed
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from djinsight.conf import conf
from djinsight.counting import endpoints, routes
from djinsight.counting.faults import WrongServer

SOCKET_PATH_TIMEOUT = 2.0  # seconds within which a beacon is refused if Redis does not answer
POOL = 64  # connections of a loop, or of the threads of a process; past it a caller waits for a free one

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Holds one ``T`` for each running event loop, made at the first ``get`` and closed with the loop.

    ``async_to_sync`` makes a loop for each call, and connections must be closed before their loop is gone.
    channels_redis keeps its connections in the same way.

    Args:
        make: Makes one ``T``.
        aclose: Closes it.
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
        """Close the one of this loop; the next ``get`` makes another."""
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
    """Check out a connection of this loop to the server of ``shard``, for one request.

    The block may take ``SOCKET_PATH_TIMEOUT`` in all, or ``DJINSIGHT_REDIS_TIMEOUT`` if that is shorter. The caller
    sends and reads on the connection itself, because redis-py's ``execute_command`` takes half as long again. Before
    Python 3.12 redis-py also makes a task to send a command with a timeout.

    Raises:
        redis.RedisError: The request failed. After ``WrongServer`` a retry is safe and asks another server.
        TimeoutError: There was no answer in time.
    """
    _check_that_there_is_redis()
    async with asyncio.timeout(min(SOCKET_PATH_TIMEOUT, conf.redis_timeout)):
        pool: Any = _pool(shard)
        connection = await pool.get_connection()
        try:
            if connection.is_outdated():
                await connection.disconnect(nowait=True)
                await connection.connect()
            yield connection
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)


def _pool(shard: int) -> redis.asyncio.BlockingConnectionPool:
    pools = _pools.get()
    url = url_of(shard)
    if url not in pools:
        endpoint = endpoints.parse(url)
        pools[url] = redis.asyncio.BlockingConnectionPool(
            connection_class=routes.aconnection_class(url, endpoint),
            max_connections=POOL,
            timeout=None,  # the timeout of aalone covers this wait, too
            # Retrying is the caller's decision: redis-py may raise after the server has applied a command.
            retry=AsyncRetry(NoBackoff(), 0),
            socket_timeout=None,  # aalone has one timeout for connecting, sending and reading together
            health_check_interval=30,
            **_COMMON,
            **endpoint.arguments,
        )
    return pools[url]


def sync_client(shard: int) -> Any:
    """Return the sync client (``redis.Redis``) for ``shard``, shared by the threads of this process."""
    _check_that_there_is_redis()
    url, timeout = url_of(shard), timeout_here()
    client = _sync_clients.get((url, timeout))
    if client is None:
        endpoint = endpoints.parse(url)
        pool: Any = cast(Any, _SyncPool)(
            connection_class=routes.connection_class(url, endpoint),
            max_connections=POOL,
            timeout=timeout,
            # A wrong server has applied nothing, so that a retry is safe. Any other retry is the caller's decision.
            retry=Retry(NoBackoff(), 1, supported_errors=(WrongServer,)),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            **_COMMON,
            **endpoint.arguments,
        )
        client = redis.Redis(connection_pool=pool)
        # A stream's entries stay flat lists of names and values: making a dict of each takes as long as reading it.
        client.set_response_callback("XRANGE", lambda reply, **options: reply)
        client = _sync_clients.setdefault((url, timeout), client)
    return client


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Use a timeout of ``seconds`` for the sync clients of this block, in place of ``DJINSIGHT_REDIS_TIMEOUT``."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def timeout_here() -> float:
    """Return the timeout (s) of the sync clients in this block."""
    return _patience.get() or conf.redis_timeout


class _SyncPool(redis.BlockingConnectionPool):
    """A pool that reconnects connections made before another one was found to lead to the wrong server."""

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        connection: Any = super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]
        if connection.is_outdated():
            try:
                connection.disconnect()
                connection.connect()
            except BaseException:
                self.release(connection)  # type: ignore[no-untyped-call]
                raise
        return connection


@contextmanager
def alone(shard: int) -> Iterator[Any]:
    """Check out a connection of the sync client, for pipelined requests.

    It is released at the end of the block. If the block fails it is closed, because another caller would read the
    replies that are left.

    Raises:
        redis.RedisError: A connection cannot be made, or none gets free in time.
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


def close_sync() -> None:
    """Close the sync clients; the next use opens new ones."""
    while _sync_clients:
        _sync_clients.popitem()[1].connection_pool.disconnect()


async def aclose() -> None:
    """Close this loop's connections; the next use opens new ones."""
    await _pools.aclose()


def _check_that_there_is_redis() -> None:
    if conf.testing:
        raise redis.ConnectionError("DJINSIGHT_TESTING is on: Redis is not asked")


def url_of(shard: int) -> str:
    """Return the URL of the server that has ``shard``."""
    urls = conf.redis_urls
    return urls[shard % len(urls)]


async def _aclose_all(pools: dict[str, redis.asyncio.BlockingConnectionPool]) -> None:
    for each in pools.values():
        await each.aclose()


# Replies are bytes, in protocol 2, which Redis 6 and 7 speak, whatever redis-py's defaults are.
_COMMON: dict[str, Any] = {"decode_responses": False, "protocol": 2}

_pools: PerLoop[dict[str, redis.asyncio.BlockingConnectionPool]] = PerLoop(dict, _aclose_all)
_sync_clients: dict[tuple[str, float], redis.Redis] = {}  # by URL and timeout
_patience: ContextVar[float | None] = ContextVar("djinsight_patience", default=None)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"DJINSIGHT_REDIS_URL", "DJINSIGHT_REDIS_TIMEOUT", "DJINSIGHT_PAGE_TIMEOUT", "CACHES"}:
        close_sync()


setting_changed.connect(_forget)
