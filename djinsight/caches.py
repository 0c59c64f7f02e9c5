"""Caches: find the URL of the Redis behind a Django cache, with its options and Sentinels.

The cache's own backend class makes its connection pool, which opens no connection. The arguments of the pool become a
URL, so subclasses of the site are covered, too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum
from os import PathLike
from typing import Any, cast
from urllib.parse import quote, urlencode

import redis
from django.conf import settings
from django.core.cache.backends.redis import RedisCache
from django.utils.module_loading import import_string
from redis.sentinel import SentinelConnectionPool

logger = logging.getLogger("djinsight.counting")

DEFAULT = "redis://127.0.0.1:6379/0"

_TLS = "ssl_"
_OBJECTS = ("credential_provider", "redis_connect_func")  # arguments that connecting needs and no URL can carry


class UnusableCache(ValueError):
    """The cache is in Redis, but djinsight cannot connect as it does. The message says why."""


# The last setting and its result, so that pools are made once and not at every read of the setting.
_found: tuple[Mapping[str, Any], str, str] | None = None


def default_url() -> str:
    """Return the URL of ``CACHES["default"]`` if that is in Redis, else ``DEFAULT``."""
    return _default()[0]


def problem() -> str:
    """Return why ``CACHES["default"]``, which is in Redis, cannot be used; ``""`` if there is no problem."""
    return _default()[1]


def _default() -> tuple[str, str]:
    global _found
    cache = getattr(settings, "CACHES", {}).get("default", {})
    if _found is not None and _found[0] == cache:
        return _found[1:]
    try:
        found = (url_of(cache) or DEFAULT, "")
    except UnusableCache as error:
        found = (DEFAULT, str(error))
        if getattr(settings, "DJINSIGHT_REDIS_URL", None) is None:
            message = 'the Redis of CACHES["default"] cannot be used: %s. Views go to %s; set DJINSIGHT_REDIS_URL'
            logger.error(message, error, DEFAULT)
    _found = ({name: dict(each) if isinstance(each, dict) else each for name, each in cache.items()}, *found)
    return found


def url_of(cache: Mapping[str, Any]) -> str | None:
    """Return the URL that an entry of ``CACHES`` writes to, or None if it is not in Redis.

    Raises:
        UnusableCache: If it is in Redis, but on several servers, or its arguments do not fit into a URL.
    """
    urls = urls_of(cache)
    if len(urls) > 1:
        raise UnusableCache(f"it is spread over {len(urls)} servers")
    return urls[0] if urls else None


def urls_of(cache: Mapping[str, Any]) -> list[str]:
    """Return the URLs that an entry of ``CACHES`` writes to, one for each server.

    Raises:
        UnusableCache: If it is in Redis, but cannot be made or its arguments do not fit into a URL.
    """
    backend = _backend(cache)
    if backend is None:
        return []
    params = {name: value for name, value in cache.items() if name not in {"BACKEND", "LOCATION"}}
    # A copy, as django-redis adds to the options for Sentinel.
    params["OPTIONS"] = dict(params.get("OPTIONS") or {})
    try:
        pools = _pools(backend(cache.get("LOCATION", ""), params))
    except Exception as error:
        # A subclass of the site, or redis-py with its options, may raise anything.
        raise UnusableCache(f"it cannot be made ({type(error).__name__}: {error})") from error
    return [_url(pool) for pool in pools]


def _backend(cache: Mapping[str, Any]) -> Any:
    """Return the backend class of the cache, or None if it is not in Redis."""
    try:
        backend = import_string(str(cache.get("BACKEND", "")))
    except ImportError:
        return None
    return backend if isinstance(backend, type) and issubclass(backend, _redis_caches()) else None


def _redis_caches() -> tuple[type, ...]:
    try:
        return (RedisCache, import_string("django_redis.cache.RedisCache"))
    except ImportError:
        return (RedisCache,)


def _pools(cache: Any) -> list[Any]:
    """Return connection pools equal to those of the servers that the cache writes to."""
    if isinstance(cache, RedisCache):
        return [cache._cache.get_client(write=True).connection_pool]
    client = cache.client
    spread = isinstance(client, import_string("django_redis.client.ShardClient"))
    # Not client.connect(), as django-redis caches pools by URL and ignores the options.
    factory = client.connection_factory
    servers = client._server if spread else client._server[:1]
    return [factory.get_connection_pool(factory.make_connection_params(each)) for each in servers]


def _url(pool: Any) -> str:
    arguments = _given(pool.connection_kwargs)
    objects = [name for name in _OBJECTS if name in arguments]
    if objects:
        raise UnusableCache(f"its option {objects[0]} does not fit into a URL")
    options = {name: _text(name, value) for name, value in arguments.items() if name.startswith(_TLS)}
    tls = issubclass(pool.connection_class, redis.SSLConnection)
    if issubclass(pool.connection_class, redis.UnixDomainSocketConnection):
        options = {"db": str(arguments["db"])} if arguments.get("db") else {}
        return f"unix://{_credentials(arguments)}{quote(str(arguments.get('path', '')))}{_query(options)}"
    if isinstance(pool, SentinelConnectionPool):
        hosts, of_sentinels = _sentinels(pool)
        options |= {"master": str(pool.service_name), **of_sentinels}
        scheme = "rediss+sentinel" if tls else "redis+sentinel"
    else:
        hosts = _host(arguments)
        scheme = "rediss" if tls else "redis"
    database = f"/{arguments['db']}" if "db" in arguments else ""
    if scheme == "redis":
        options = {}
    return f"{scheme}://{_credentials(arguments)}{hosts}{database}{_query(options)}"


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a connection that have a value."""
    given = {name: value for name, value in arguments.items() if value is not None and value != ""}
    if "ssl_cert_reqs" in arguments:
        given["ssl_cert_reqs"] = arguments["ssl_cert_reqs"] or "none"
    return given


def _sentinels(pool: Any) -> tuple[str, dict[str, str]]:
    """Return the addresses of the Sentinels, and the URL options with which to connect to them."""
    options: dict[str, str] = {}
    hosts = []
    for sentinel in pool.sentinel_manager.sentinels:
        own = sentinel.connection_pool
        arguments = _given(own.connection_kwargs)
        hosts.append(_host(arguments))
        for name in ("username", "password"):
            if arguments.get(name):
                options[f"sentinel_{name}"] = _text(name, arguments[name])
        if issubclass(own.connection_class, redis.SSLConnection):
            options["sentinel_tls"] = "true"
            options |= {each: _text(each, value) for each, value in arguments.items() if each.startswith(_TLS)}
    return ",".join(hosts), options


def _host(arguments: Mapping[str, Any]) -> str:
    host = str(arguments.get("host", "localhost"))
    port = f":{arguments['port']}" if "port" in arguments else ""
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


def _credentials(arguments: Mapping[str, Any]) -> str:
    user, password = (quote(_text(name, arguments.get(name, "")), safe="") for name in ("username", "password"))
    return f"{user}:{password}@" if password else (f"{user}@" if user else "")


def _query(options: Mapping[str, str]) -> str:
    return f"?{urlencode(sorted(options.items()))}" if options else ""


def _text(name: str, value: Any) -> str:
    """Return an argument of a connection as it is written in a URL."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Enum):
        # ssl.CERT_NONE is "none" in a URL; other enumerations, like a TLS version, are numbers.
        return value.name.removeprefix("CERT_").lower() if value.name.startswith("CERT_") else str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, PathLike):
        return str(cast("PathLike[str]", value).__fspath__())
    raise UnusableCache(f"its option {name} does not fit into a URL")
