"""Settings: typed, optional, and read from Django's settings at every access.

Usage: ``from djinsight.conf import conf``, then ``conf.push_interval``. A setting is one line of ``Conf``, with its
name, its default and a function that tells which values it expects. ``djinsight.checks`` reports invalid values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Generic, TypeVar, overload
from urllib.parse import parse_qs, urlsplit

import redis.connection
from django.conf import settings
from django.utils.functional import empty

from djinsight import caches

T = TypeVar("T")
Check = Callable[[Any], "str | None"]

MAX_SHARDS = 64
MAX_EXPIRATION = 10 * 366 * 24 * 3600  # seconds; deleting an object names one key for each of these days
MAX_BATCH = 30_000  # rows; SQLite takes at most 32,766 values in one statement
MAX_DAYS = 36_500  # days, back from today
SCHEMES = (
    *("redis://", "rediss://", "unix://", "valkey://", "valkeys://"),
    *("redis+sentinel://", "rediss+sentinel://", "valkey+sentinel://", "valkeys+sentinel://"),
)
UNIX_SOCKET = "unix"  # in DJINSIGHT_TRUSTED_PROXIES: peers that connect over a Unix socket
SOCKET_PATH = "ws/djinsight/"  # of the WebSocket, below any script name

# RFC 6265, section 4.1.1: a name, and optionally a value of characters that need no quotes.
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+)?", re.ASCII)


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


def _whole(low: int, high: int | None = None) -> Check:
    def check(value: Any) -> str | None:
        number = isinstance(value, int) and not isinstance(value, bool)
        if number and value >= low and (high is None or value <= high):
            return None
        return f"a whole number from {low}" + ("" if high is None else f" to {high}")

    return check


def _seconds(value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and 0 < value < inf else "a finite number of seconds above 0"


def _rate(value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if value is None or (number and 1 <= value <= 1_000_000) else "a number a second from 1, or None"


def _cookie(value: Any) -> str | None:
    fine = isinstance(value, str) and (not value or _COOKIE.fullmatch(value) is not None)
    return None if fine else "the name of a cookie, 'name=value', or an empty string"


def _networks(value: Any) -> str | None:
    try:
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            for each in value:
                if each != UNIX_SOCKET:
                    ipaddress.ip_network(each, strict=False)
            return None
    except ValueError:
        pass
    return f"a list of networks like '10.0.0.0/8', or {UNIX_SOCKET!r}"


def _prefix(value: Any) -> str | None:
    return None if isinstance(value, str) and value and "{" not in value else "a string, not empty, without '{'"


def _one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else f"one of {', '.join(map(repr, choices))}"


def _urls(value: Any) -> str | None:
    urls = [value] if isinstance(value, str) else value
    if isinstance(urls, list | tuple) and urls and all(isinstance(url, str) and _is_url(url) for url in urls):
        return None
    return "a Redis URL (redis://, rediss://, unix:// or redis+sentinel://) or a list of them"


def _is_url(url: str) -> bool:
    if not url.startswith(SCHEMES):
        return False
    try:
        parts = urlsplit(url)
        number = parts.path.strip("/")
        if parts.scheme != "unix" and number and not number.isdigit():
            return False  # redis-py would silently use database 0
        if "+sentinel" in parts.scheme:
            return bool(parts.hostname and parse_qs(parts.query).get("master"))
        parse_url: Any = redis.connection.parse_url
        parse_url(_redis_name(url))
        return parts.port != 0
    except ValueError:
        return False


def _redis_name(url: str) -> str:
    """Return the URL with ``redis`` for ``valkey`` in its scheme, as redis-py knows only that name of the protocol."""
    return f"redis{url[6:]}" if url.startswith("valkey") else url


def _read(name: str, default: Any) -> Any:
    """Return the current value of ``settings.<name>``, or ``default`` if it is not set.

    The object behind Django's lazy ``settings`` is read directly. Most settings are not set, and the lazy object takes
    1.5 us to raise AttributeError. Reading its ``_wrapped`` as an attribute would take another 0.4 us.
    """
    behind = object.__getattribute__(settings, "_wrapped")
    return getattr(settings if behind is empty else behind, name, default)


class Setting(Generic[T]):
    """One ``DJINSIGHT_*`` setting: a descriptor that reads ``django.conf.settings`` at each access.

    Args:
        default: The value if the site does not set it.
        expected: Returns what was expected in place of a value, or None if the value is valid.
    """

    def __init__(self, default: T, expected: Check) -> None:
        self.default = default
        self.expected = expected
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"DJINSIGHT_{name.upper()}"

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Conf, owner: type) -> T: ...
    def __get__(self, instance: Conf | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value: T = _read(self.name, self.default)
        return value

    def problem(self) -> str | None:
        """Return what was expected in place of the current value, or None if that is valid."""
        value = _read(self.name, self.default)
        if value is self.default:
            return None
        return self.expected(value)


class Conf:
    """All settings of the package."""

    enable_tracking = Setting(True, _boolean)
    admin_only = Setting(False, _boolean)
    visitor = Setting("cookie", _one_of("session", "cookie", "anonymous"))
    consent_cookie = Setting("", _cookie)
    anonymize_ip = Setting(True, _boolean)
    # Off by default, as these headers ask for no sale or sharing of data, and djinsight shares none and keeps no raw
    # identifier. If it is on, the number of views depends on the browsers that visitors use.
    respect_dnt = Setting(False, _boolean)
    trusted_proxies = Setting[Any]((), _networks)

    testing = Setting(False, _boolean)

    rate_visitor = Setting[float | None](20, _rate)
    rate_address = Setting[float | None](200, _rate)
    rate_socket = Setting[float | None](100, _rate)
    rate_new_visitors = Setting[float | None](2, _rate)
    rate_object = Setting[float | None](None, _rate)
    rate_site = Setting[float | None](None, _rate)
    rate_stats = Setting[float | None](50, _rate)
    rate_stats_site = Setting[float | None](200, _rate)

    redis_url = Setting[Any](None, _urls)
    redis_key_prefix = Setting("djinsight:", _prefix)
    redis_expiration = Setting(7 * 24 * 3600, _whole(3600, MAX_EXPIRATION))
    redis_timeout = Setting[float](5, _seconds)
    page_timeout = Setting[float](1, _seconds)
    redis_shards = Setting(1, _whole(1, MAX_SHARDS))
    stream_max_views = Setting(1_000_000, _whole(1000))

    push_interval = Setting[float](0.1, _seconds)
    persist_interval = Setting[float](5, _seconds)
    batch_size = Setting(1000, _whole(1, MAX_BATCH))
    cleanup_days = Setting(90, _whole(1, MAX_DAYS))

    @property
    def redis_urls(self) -> list[str]:
        """The URLs of the Redis servers; shard k is on server ``k % len(urls)``."""
        value = self.redis_url
        if value is None:
            value = caches.default_url()
        urls = [value] if isinstance(value, str) else list(value)
        return [_redis_name(url) for url in urls]

    def __iter__(self) -> Iterator[Setting[Any]]:
        return (setting for setting in vars(Conf).values() if isinstance(setting, Setting))


conf = Conf()
