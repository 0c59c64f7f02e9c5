"""Endpoints: a Redis URL as arguments of a connection, without the options that djinsight sets itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import redis
import redis.asyncio
from redis.connection import parse_url

SENTINEL_PORT = 26379
REDIS_PORT = 6379

# Options of a URL that name the server and the user. djinsight sets all others itself (decode_responses, protocol,
# timeouts, sizes of pools, retries), because a decoded reply or a pool of one connection would break counting.
_KEPT = {"host", "port", "path", "username", "password", "db", "client_name"}
_TLS = {
    name
    for name in inspect.signature(redis.SSLConnection.__init__).parameters
    if name.startswith("ssl_") and name in inspect.signature(redis.asyncio.SSLConnection.__init__).parameters
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server that a URL names, or the Sentinels that know it.

    Attributes:
        kind: The kind of connection: ``tcp``, ``tls`` or ``unix``.
        arguments: The arguments of a connection.
        sentinels: Host and port of each Sentinel; empty if the URL names the server itself.
        master: The name by which the Sentinels know the primary.
        of_sentinels: The arguments of a connection to a Sentinel.
    """

    kind: str
    arguments: dict[str, Any]
    sentinels: list[tuple[str, int]] = field(default_factory=list)
    master: str = ""
    of_sentinels: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The server or servers as shown to people, without user and password."""
        if self.sentinels:
            return f"{self.master} (Sentinels {', '.join(f'{host}:{port}' for host, port in self.sentinels)})"
        if self.kind == "unix":
            return str(self.arguments.get("path", ""))
        return f"{self.arguments.get('host', 'localhost')}:{self.arguments.get('port', REDIS_PORT)}"

    @property
    def database(self) -> tuple[Any, ...]:
        """The identity of the database, equal for two URLs of one database, however each is written."""
        number = int(self.arguments.get("db") or 0)
        if self.sentinels:
            return (self.master, frozenset(self.sentinels), number)
        if self.kind == "unix":
            return (self.place, number)
        host = str(self.arguments.get("host", "localhost")).lower()
        local = host in {"localhost", "127.0.0.1", "::1"}
        return ("localhost" if local else host, int(self.arguments.get("port", REDIS_PORT)), number)


def parse(url: str) -> Endpoint:
    """Read a Redis URL.

    Raises:
        ValueError: The URL is not one of a Redis server or of Sentinels.
    """
    parts = urlsplit(url)
    if "+sentinel" in parts.scheme:
        return _by_sentinels(parts)
    arguments = _arguments(url)
    kind = {"rediss": "tls", "unix": "unix"}.get(parts.scheme, "tcp")
    return Endpoint(kind, _kept(arguments, kind))


def _arguments(url: str) -> dict[str, Any]:
    return dict(parse_url(url))  # type: ignore[no-untyped-call]


def _kept(arguments: dict[str, Any], kind: str) -> dict[str, Any]:
    names = _KEPT | _TLS if kind == "tls" else _KEPT
    kept = {name: value for name, value in arguments.items() if name in names}
    for name in ("host", "port") if kind == "unix" else ("path",):
        kept.pop(name, None)
    return kept


def _by_sentinels(parts: SplitResult) -> Endpoint:
    """Read ``redis+sentinel://user:password@host:port,host:port/db?master=name``; ``rediss+sentinel`` is TLS."""
    kind = "tls" if parts.scheme.startswith("rediss") else "tcp"
    credentials, _, hosts = parts.netloc.rpartition("@")
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    # redis-py reads the query, because it knows the types of the options.
    scheme = "rediss" if kind == "tls" else "redis"
    arguments = _arguments(f"{scheme}://{credentials}{'@' * bool(credentials)}host?{parts.query}")
    del arguments["host"]
    if parts.path.strip("/"):
        arguments["db"] = int(parts.path.strip("/"))
    of_sentinels: dict[str, Any] = {
        name: options[f"sentinel_{name}"] for name in ("username", "password") if f"sentinel_{name}" in options
    }
    if options.get("sentinel_tls", "").lower() in {"1", "true", "yes"}:
        of_sentinels |= {"ssl": True, **{name: value for name, value in arguments.items() if name in _TLS}}
    sentinels = [_address(each) for each in hosts.split(",") if each]
    if not sentinels or not options.get("master"):
        raise ValueError("expected redis+sentinel://host:port,host:port/0?master=name")
    return Endpoint(kind, _kept(arguments, kind), sentinels, options["master"], of_sentinels)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(SENTINEL_PORT)
    return unquote(host.strip("[]")), int(port)
