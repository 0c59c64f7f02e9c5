"""Caches: views are counted in the Redis of CACHES["default"], connected as it is, or a check says why not."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import django_redis
import pytest
import redis
from django.core import checks
from django.core.cache import caches as django_caches
from django.core.cache.backends.redis import RedisCache
from django_redis.cache import RedisCache as DjangoRedisCache
from redis.credentials import UsernamePasswordCredentialProvider

from djinsight import caches
from djinsight.conf import conf
from djinsight.counting import connections, endpoints, live_numbers
from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views
from tests.support.private_redis import Server

DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGO = "django.core.cache.backends.redis.RedisCache"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
SENTINEL = {
    "CLIENT_CLASS": "django_redis.client.SentinelClient",
    "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
    "SENTINELS": [("s1", 26379), ("s2", 26380)],
}


class Mine(DjangoRedisCache):  # type: ignore[type-arg]
    """A site's own subclass of django-redis."""


class MineOfDjango(RedisCache):
    """A site's own subclass of Django's cache, which sets its server itself."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__("redis://own:6380/3", params)


def cache(backend: str, location: Any = "redis://h:6380/1", **options: Any) -> dict[str, Any]:
    return {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}


URLS: dict[str, tuple[dict[str, Any], str]] = {
    "a password": (cache(DJANGO_REDIS, PASSWORD="s3:/@ cret"), "redis://:s3%3A%2F%40%20cret@h:6380/1"),
    # django-redis knows users from 7.0 on; the counters connect as the cache does.
    "a user": (
        cache(DJANGO_REDIS, USERNAME="u", PASSWORD="p"),
        "redis://u:p@h:6380/1" if django_redis.VERSION >= (7,) else "redis://:p@h:6380/1",
    ),
    "a password, Django's": (cache(DJANGO, username="u", password="p"), "redis://u:p@h:6380/1"),
    "a database": (cache(DJANGO, "redis://h:6380", db=5), "redis://h:6380/5"),
    "a database, as text": (cache(DJANGO, "redis://h:6380", db="5"), "redis://h:6380/5"),
    "the URL's own before the option": (cache(DJANGO, db=5), "redis://h:6380/1"),
    "a database in the pool's arguments": (
        cache(DJANGO_REDIS, "redis://h:6380", CONNECTION_POOL_KWARGS={"db": 5, "max_connections": 3}),
        "redis://h:6380/5",
    ),
    "TLS": (
        cache(DJANGO_REDIS, "rediss://h/1", CONNECTION_POOL_KWARGS={"ssl_cert_reqs": None, "ssl_ca_certs": "/ca.pem"}),
        "rediss://h/1?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=none",
    ),
    "TLS, Django's": (
        cache(DJANGO, "rediss://h/1", ssl_cert_reqs=ssl.CERT_NONE, ssl_ca_certs=Path("/ca.pem")),
        "rediss://h/1?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=none",
    ),
    "TLS, in the URL": (cache(DJANGO, "rediss://h/1?ssl_cert_reqs=none"), "rediss://h/1?ssl_cert_reqs=none"),
    "timeouts are ours": (
        cache(DJANGO_REDIS, SOCKET_TIMEOUT=3, CONNECTION_POOL_KWARGS={"decode_responses": True}),
        "redis://h:6380/1",
    ),
    "a Unix socket": (
        cache(DJANGO_REDIS, "unix:///run/redis.sock?db=2", PASSWORD="p"),
        "unix://:p@/run/redis.sock?db=2",
    ),
    "IPv6": (cache(DJANGO, "redis://[::1]:6380/1"), "redis://[::1]:6380/1"),
    "a list": (cache(DJANGO_REDIS, ["redis://a/1", "redis://b/1"]), "redis://a/1"),
    "HerdClient": (cache(DJANGO_REDIS, CLIENT_CLASS="django_redis.client.HerdClient"), "redis://h:6380/1"),
    "ShardClient with one server": (
        cache(DJANGO_REDIS, CLIENT_CLASS="django_redis.client.ShardClient"),
        "redis://h:6380/1",
    ),
    "Sentinel": (
        cache(DJANGO_REDIS, "redis://mymaster/1", PASSWORD="p", **SENTINEL),
        "redis+sentinel://:p@s1:26379,s2:26380/1?master=mymaster",
    ),
    "Sentinels with a password": (
        cache(DJANGO_REDIS, "redis://mymaster/1", SENTINEL_KWARGS={"password": "q"}, **SENTINEL),
        "redis+sentinel://s1:26379,s2:26380/1?master=mymaster&sentinel_password=q",
    ),
    "a subclass": (cache("tests.test_caches.Mine", PASSWORD="p"), "redis://:p@h:6380/1"),
    "a subclass that knows its server": (cache("tests.test_caches.MineOfDjango", "", db=7), "redis://own:6380/3"),
    "no Redis": (cache(LOCMEM, "here"), caches.DEFAULT),
    "not installed": (cache("nowhere.Cache"), caches.DEFAULT),
}


@pytest.mark.parametrize(("entry", "expected"), URLS.values(), ids=URLS)
def test_the_url(entry: dict[str, Any], expected: str, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = None
    settings.CACHES = {"default": entry}
    assert conf.redis_urls == [expected]
    assert "djinsight.E007" not in [message.id for message in checks.run_checks(tags=["djinsight"])]
    # The site's settings are not changed.
    assert settings.CACHES["default"]["OPTIONS"].get("CONNECTION_POOL_CLASS") is None


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "no location": (cache(DJANGO_REDIS, ""), "Missing connections string"),
    "no URL": (cache(DJANGO, "h:6379"), "must specify one of the following schemes"),
    "credentials from a function": (
        cache(DJANGO, credential_provider=UsernamePasswordCredentialProvider("u", "p")),
        "credential_provider",
    ),
    "several servers": (
        cache(DJANGO_REDIS, ["redis://a/1", "redis://b/1"], CLIENT_CLASS="django_redis.client.ShardClient"),
        "spread over 2 servers",
    ),
    "Sentinel without Sentinels": (
        cache(DJANGO_REDIS, CONNECTION_FACTORY="django_redis.pool.SentinelConnectionFactory"),
        "SENTINELS must be provided",
    ),
}


@pytest.mark.parametrize(("entry", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_is_said(
    entry: dict[str, Any], why: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DJINSIGHT_REDIS_URL = None
    settings.CACHES = {"default": entry}
    assert [conf.redis_urls for _ in range(3)] == [[caches.DEFAULT]] * 3
    assert len([record for record in caplog.records if why in record.getMessage()]) == 1
    (message,) = [each for each in checks.run_checks(tags=["djinsight"]) if each.id == "djinsight.E007"]
    assert why in message.msg
    assert message.level == checks.ERROR
    settings.DJINSIGHT_REDIS_URL = "redis://h/1"
    assert "djinsight.E007" not in [each.id for each in checks.run_checks(tags=["djinsight"])]


def test_an_option_that_changes_is_read(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = None
    for password in ("one", "two"):
        settings.CACHES = {"default": cache(DJANGO_REDIS, PASSWORD=password)}
        assert conf.redis_urls == [f"redis://:{password}@h:6380/1"]
        settings.CACHES["default"]["OPTIONS"]["PASSWORD"] = "three"
        assert conf.redis_urls == ["redis://:three@h:6380/1"]


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGO])
def test_views_are_counted_as_the_cache_connects(backend: str, tmp_path: Path, settings: Any, ref: ObjectRef) -> None:
    """The password and the database come from its options."""
    with Server(tmp_path / "redis") as server:
        with server.client() as client:
            client.config_set("requirepass", "s3:/@ cret")
        location = f"redis://{server.host}"
        options: dict[str, Any] = {"PASSWORD": "s3:/@ cret", "CONNECTION_POOL_KWARGS": {"db": 4}}
        if backend == DJANGO:
            options = {"password": "s3:/@ cret", "db": 4}
        settings.DJINSIGHT_REDIS_URL = None
        settings.CACHES = {"default": cache(backend, location, **options)}
        count_views(ref, 3)
        persist()
        assert PageViewLog.objects.count() == 3
        assert live_numbers.read([ref])[ref].total_views == 3
        with redis.Redis(port=server.port, password="s3:/@ cret", db=4) as client:
            assert client.exists("djinsight:meta")
        with redis.Redis(port=server.port, password="s3:/@ cret") as client:
            assert client.dbsize() == 0
        connections.close_sync()


# A database of its own

OURS = "redis://127.0.0.1:6390/1"
SHARING: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "another database": (OURS, {"default": cache(DJANGO, "redis://127.0.0.1:6390/2")}, []),
    "another server": (OURS, {"default": cache(DJANGO, "redis://elsewhere:6390/1")}, []),
    "the same": (OURS, {"default": cache(DJANGO, OURS)}, ["default"]),
    "the same by another name": (OURS, {"default": cache(DJANGO, "redis://localhost:6390", db=1)}, ["default"]),
    "as another user": (OURS, {"default": cache(DJANGO_REDIS, "redis://u:p@127.0.0.1:6390?db=1")}, ["default"]),
    "of another alias": (
        OURS,
        {"default": cache(LOCMEM), "sessions": cache("tests.test_caches.Mine", OURS)},
        ["sessions"],
    ),
    "one of several servers": (
        ["redis://h/3", OURS],
        {"default": cache(DJANGO_REDIS, ["redis://h/1", OURS], CLIENT_CLASS="django_redis.client.ShardClient")},
        ["default"],
    ),
    "no URL of our own": (None, {"default": cache(DJANGO, OURS)}, ["default"]),
    "no Redis": (None, {"default": cache(LOCMEM)}, []),
    "by Sentinels": (
        "redis+sentinel://s2:26380,s1:26379/1?master=mymaster",
        {"default": cache(DJANGO_REDIS, "redis://mymaster/1", **SENTINEL)},
        ["default"],
    ),
}


@pytest.mark.parametrize(("url", "entries", "expected"), SHARING.values(), ids=SHARING)
def test_w006_names_the_caches_whose_clear_would_delete_views(
    url: Any, entries: dict[str, Any], expected: list[str], settings: Any
) -> None:
    settings.DJINSIGHT_REDIS_URL = url
    settings.CACHES = entries
    messages = [each for each in checks.run_checks(tags=["djinsight"]) if each.id == "djinsight.W006"]
    assert len(messages) == bool(expected)
    for message in messages:
        assert all(f'CACHES["{alias}"]' in message.msg for alias in expected)
        assert message.level == checks.WARNING
        assert "DJINSIGHT_REDIS_URL" in str(message.hint)


def test_clearing_the_cache_leaves_the_counters(ref: ObjectRef, settings: Any) -> None:
    count_views(ref, 2)
    django_caches["default"].clear()
    assert live_numbers.read([ref])[ref].total_views == 2
    persist()
    assert PageViewLog.objects.count() == 2


# Options of a URL


@pytest.mark.parametrize(
    "options",
    [
        "decode_responses=true",
        "decode_responses=True&encoding=utf-16",
        "protocol=3",
        "max_connections=1",
        "single_connection_client=true",
        "health_check_interval=0&retry_on_timeout=true",
        "socket_timeout=0.000001&timeout=0.000001&socket_connect_timeout=0.000001",
        "encoding_errors=ignore&legacy_responses=false",
        "client_name=counters",
        "never_heard_of=1",
        "ssl_cert_reqs=none",
        "db=3",
    ],
)
async def test_no_option_of_a_url_breaks_counting(options: str, ref: ObjectRef, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = f"{settings.DJINSIGHT_REDIS_URL}?{options}"

    def sync() -> list[int]:
        count_views(ref, 3)
        persist()
        return [PageViewLog.objects.count(), live_numbers.read([ref])[ref].total_views]

    assert await asyncio.to_thread(sync) == [3, 3]
    answers = await asyncio.gather(*(live_numbers.aread([ref]) for _ in range(5)))
    assert [each[ref].total_views for each in answers] == [3] * 5
    await connections.aclose()
    await asyncio.to_thread(connections.close_sync)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://u:p@h:7000/1", "h:7000"),
        ("redis://:p@h", "h:6379"),
        ("rediss://h/1?ssl_ca_certs=/x", "h:6379"),
        ("unix://:p@/run/redis.sock?db=1", "/run/redis.sock"),
        ("redis+sentinel://u:p@a,b:1/1?master=m", "m (Sentinels a:26379, b:1)"),
        ("rediss+sentinel://[::1]:5,[::2]/1?master=m", "m (Sentinels ::1:5, ::2:26379)"),
    ],
)
def test_a_place_has_no_credentials(url: str, place: str) -> None:
    assert endpoints.parse(url).place == place
