"""Routes: connection classes that find the primary, and notice when they are connected to another server.

After a failover behind one address, an open connection stays with the demoted server, which replies READONLY to every
write from then on. Such a reply closes the connection, and marks all others of the same URL in this process as
outdated. The next use of each resolves the address again, or asks the Sentinels.
"""

from __future__ import annotations

from typing import Any

import hiredis
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from djinsight.counting import faults
from djinsight.counting.endpoints import Endpoint
from djinsight.counting.faults import Fault, WrongServer, fault_of

SENTINEL_WITHIN = 0.5  # timeout (s) of one Sentinel; then the next one is asked

_generations: dict[str, int] = {}  # by URL: how often a wrong server was found behind it

_SYNC: dict[str, Any] = {
    "tcp": redis.Connection,
    "tls": redis.SSLConnection,
    "unix": redis.UnixDomainSocketConnection,
}
_ASYNC: dict[str, Any] = {
    "tcp": redis.asyncio.Connection,
    "tls": redis.asyncio.SSLConnection,
    "unix": redis.asyncio.UnixDomainSocketConnection,
}


class _Routed:
    """The part that sync and async connections share: notices that a connection may lead to the wrong server."""

    url: str

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._generation = _generations.get(self.url, 0)

    def is_outdated(self) -> bool:
        """Return whether the connection may lead to the wrong server; it is then not outdated any longer.

        The caller reconnects if this returns True.
        """
        current = _generations.get(self.url, 0)
        outdated, self._generation = self._generation != current, current
        return outdated

    def leads_elsewhere(self, error: Exception) -> bool:
        """Return whether ``error`` comes from a wrong server; if so, mark the URL's other connections as outdated."""
        if fault_of(error) is not Fault.ELSEWHERE or isinstance(error, WrongServer):
            return False
        if self._generation == _generations.get(self.url, 0):
            _generations[self.url] = self._generation + 1
        self._generation = _generations[self.url]
        return True


def connection_class(url: str, endpoint: Endpoint) -> Any:
    """Return the class of sync connections to ``url``, which leads to ``endpoint``."""
    base = _SYNC[endpoint.kind]

    class Connection(_Routed, base):  # type: ignore[misc, valid-type]
        def read_response(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().read_response(*args, **kwargs)
            except (redis.ResponseError, redis.BusyLoadingError) as error:
                if self.leads_elsewhere(error):
                    self.disconnect()
                    raise WrongServer(faults.said(error)) from error
                raise

    Connection.url = url
    if not endpoint.sentinels:
        return Connection

    retry = Retry(NoBackoff(), 0)
    manager: Any = redis.sentinel.Sentinel
    sentinels = manager(endpoint.sentinels, sentinel_kwargs=_sentinel_arguments(endpoint, retry))

    class ToPrimary(Connection):
        def _connect(self) -> Any:
            self.host, self.port = sentinels.discover_master(endpoint.master)
            return super()._connect()

    return ToPrimary


def aconnection_class(url: str, endpoint: Endpoint) -> Any:
    """Return the class of async connections to ``url``, which leads to ``endpoint``.

    It packs commands with hiredis, as redis-py does on its sync connections. redis-py's async connections pack in
    Python, which takes a fifth of the time of a view (measured: benchmarks/notes.md).
    """
    base = _ASYNC[endpoint.kind]

    class Connection(_Routed, base):  # type: ignore[misc, valid-type]
        def pack_command(self, *args: Any) -> list[bytes]:
            return [hiredis.pack_command(args)]

        async def read_response(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return await super().read_response(*args, **kwargs)
            except (redis.ResponseError, redis.BusyLoadingError) as error:
                if self.leads_elsewhere(error):
                    await self.disconnect(nowait=True)
                    raise WrongServer(faults.said(error)) from error
                raise

    Connection.url = url
    if not endpoint.sentinels:
        return Connection

    manager: Any = redis.asyncio.sentinel.Sentinel

    class ToPrimary(Connection):
        async def _connect(self) -> None:
            # New connections each time: those of a lasting client would have to be closed with the event loop.
            arguments = _sentinel_arguments(endpoint, AsyncRetry(NoBackoff(), 0))
            sentinels = manager(endpoint.sentinels, sentinel_kwargs=arguments)
            try:
                self.host, self.port = await sentinels.discover_master(endpoint.master)
            finally:
                for each in sentinels.sentinels:
                    await each.aclose()
            await super()._connect()

    return ToPrimary


def _sentinel_arguments(endpoint: Endpoint, retry: Any) -> dict[str, Any]:
    timeouts = {"socket_timeout": SENTINEL_WITHIN, "socket_connect_timeout": SENTINEL_WITHIN}
    return {**timeouts, "retry": retry, "protocol": 2, **endpoint.of_sentinels}
