"""Settings: each has a default, is read at each access, and tells which values it expects."""

from __future__ import annotations

from typing import Any

import pytest

from djinsight.checks import check_settings
from djinsight.conf import MAX_SHARDS, Conf, conf

NAN, INFINITY = float("nan"), float("inf")
NO_BOOLEAN = ["True", 1, 0, None, []]
NO_SECONDS = [0, -1, 0.0, True, "5", None, NAN, INFINITY, [5]]
RATES, NO_RATES = [None, 1, 2.5, 1_000_000], [0, 0.5, -1, True, "20", NAN, INFINITY, 1_000_001, [5]]
NO_COUNT = [0, -1, 1.0, True, "10", None, INFINITY]

# name: (default, valid values, invalid values)
SETTINGS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "ENABLE_TRACKING": (True, [True, False], NO_BOOLEAN),
    "ADMIN_ONLY": (False, [True, False], NO_BOOLEAN),
    "VISITOR": ("cookie", ["session", "cookie", "anonymous"], ["Session", "", None, True, 1, ["session"], {}]),
    "ANONYMIZE_IP": (True, [True, False], NO_BOOLEAN),
    "RESPECT_DNT": (False, [True, False], NO_BOOLEAN),
    "TRUSTED_PROXIES": (
        (),
        [[], ("10.0.0.0/8", "192.0.2.1"), ["2001:db8::/32", "unix"], ["10.1.2.3/8"]],
        ["10.0.0.0/8", None, True, 5, ["10.0.0.0/33"], ["proxy.example"], [""], ["*"], [5], [None], {"10.0.0.0/8": 1}],
    ),
    "RATE_VISITOR": (20, RATES, NO_RATES),
    "RATE_ADDRESS": (200, RATES, NO_RATES),
    "RATE_SOCKET": (100, RATES, NO_RATES),
    "TESTING": (False, [True, False], [0, "yes", None]),
    "RATE_NEW_VISITORS": (2, RATES, NO_RATES),
    "RATE_OBJECT": (None, RATES, NO_RATES),
    "RATE_SITE": (None, RATES, NO_RATES),
    "RATE_STATS": (50, RATES, NO_RATES),
    "RATE_STATS_SITE": (200, RATES, NO_RATES),
    "CONSENT_COOKIE": (
        "",
        ["", "consent", "consent=yes", "a.b-c=d=e"],
        ["a b", "=x", "a=", "a=b;c", "a=b c", None, 1, b"a"],
    ),
    "REDIS_URL": (
        None,
        [
            None,
            "redis://host:6379/0",
            "rediss://:secret@host/1",
            "unix:///run/redis.sock",
            "valkey://host",
            "valkeys://host",
            "redis+sentinel://a:26379,b:26379/0?master=name",
            "rediss+sentinel://:secret@[::1]:26379?master=name",
            ["redis://a/0", "redis://b/0"],
            ("redis://a/0",),
        ],
        [
            "",
            "redis+sentinel://a:26379/0",
            "redis+cluster://a:7000/0",
            "redis://a:port/0",
            "redis://a/first",
            "redis://a?db=x",
            "localhost:6379",
            "http://host",
            [],
            (),
            ["redis://a", ""],
            ["redis://a", 5],
            5,
            True,
            {"redis://a": 1},
        ],
    ),
    "REDIS_KEY_PREFIX": ("djinsight:", ["stats:", "x"], ["", "{tag}:", None, 5, True, b"djinsight:"]),
    "REDIS_EXPIRATION": (7 * 24 * 3600, [3600, 365 * 24 * 3600], [3599, 10**9, *NO_COUNT]),
    "REDIS_TIMEOUT": (5, [1, 0.25, 60], NO_SECONDS),
    "PAGE_TIMEOUT": (1, [2, 0.25], NO_SECONDS),
    "REDIS_SHARDS": (1, [1, 2, MAX_SHARDS], [MAX_SHARDS + 1, *NO_COUNT]),
    "STREAM_MAX_VIEWS": (1_000_000, [1000, 50_000_000], [999, *NO_COUNT]),
    "PUSH_INTERVAL": (0.1, [0.02, 1, 2.5], NO_SECONDS),
    "PERSIST_INTERVAL": (5, [1, 0.5, 3600], NO_SECONDS),
    "BATCH_SIZE": (1000, [1, 30_000], [30_001, *NO_COUNT]),
    "CLEANUP_DAYS": (90, [1, 36_500], [36_501, *NO_COUNT]),
}


def values(column: int) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}={value!r}") for name, row in SETTINGS.items() for value in row[column]
    ]


def test_every_setting_is_in_the_table() -> None:
    assert sorted(setting.name for setting in conf) == sorted(f"DJINSIGHT_{name}" for name in SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_default(name: str) -> None:
    # The settings of the tests turn the rate limits off.
    assert vars(Conf)[name.lower()].default == SETTINGS[name][0]


def test_the_defaults_work() -> None:
    assert check_settings() == []


@pytest.mark.parametrize(("name", "value"), values(1))
def test_a_value_that_works(name: str, value: Any, settings: Any) -> None:
    setattr(settings, f"DJINSIGHT_{name}", value)
    assert getattr(conf, name.lower()) == value
    assert check_settings() == []


@pytest.mark.parametrize(("name", "value"), values(2))
def test_a_value_that_does_not(name: str, value: Any, settings: Any) -> None:
    setattr(settings, f"DJINSIGHT_{name}", value)
    assert [(message.id, message.obj) for message in check_settings()] == [("djinsight.E001", f"DJINSIGHT_{name}")]


def test_read_at_every_access(settings: Any) -> None:
    for interval in (0.5, 2):
        settings.DJINSIGHT_PUSH_INTERVAL = interval
        assert conf.push_interval == interval
    del settings.DJINSIGHT_PUSH_INTERVAL
    assert conf.push_interval == 0.1


# The servers

DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGO = "django.core.cache.backends.redis.RedisCache"
LOCAL = ["redis://127.0.0.1:6379/0"]


@pytest.mark.parametrize(
    ("url", "cache", "expected"),
    [
        pytest.param("redis://a/0", {}, ["redis://a/0"], id="a URL"),
        pytest.param(["redis://a/0", "redis://b/0"], {}, ["redis://a/0", "redis://b/0"], id="a list of URLs"),
        pytest.param(("redis://a/0",), {}, ["redis://a/0"], id="a tuple of URLs"),
        pytest.param(
            "redis://a/0", {"BACKEND": DJANGO_REDIS, "LOCATION": "redis://b/1"}, ["redis://a/0"], id="before the cache"
        ),
        pytest.param(None, {"BACKEND": DJANGO_REDIS, "LOCATION": "redis://b/1"}, ["redis://b/1"], id="the cache"),
        pytest.param(
            None,
            {"BACKEND": DJANGO_REDIS, "LOCATION": ["redis://primary/1", "redis://replica/1"]},
            ["redis://primary/1"],
            id="the cache's primary",
        ),
        pytest.param(
            None,
            {"BACKEND": DJANGO_REDIS, "LOCATION": "redis://primary/1,redis://replica/1"},
            ["redis://primary/1"],
            id="the cache's primary in one text",
        ),
        pytest.param(None, {"BACKEND": DJANGO, "LOCATION": "redis://b/1"}, ["redis://b/1"], id="Django's own cache"),
        pytest.param(
            None,
            {"BACKEND": DJANGO, "LOCATION": "redis://primary/1;redis://replica/1"},
            ["redis://primary/1"],
            id="the primary of Django's own cache",
        ),
        pytest.param(None, {"BACKEND": DJANGO_REDIS, "LOCATION": ""}, LOCAL, id="a cache without location"),
        pytest.param(
            None,
            {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "here"},
            LOCAL,
            id="another cache",
        ),
        pytest.param(None, {}, LOCAL, id="nothing"),
    ],
)
def test_servers(url: Any, cache: dict[str, Any], expected: list[str], settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = url
    settings.CACHES = {"default": cache} if cache else {}
    assert conf.redis_urls == expected


def test_valkey_speaks_as_redis_does(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = ["valkey://a/1", "valkeys://b", "rediss://c"]
    assert conf.redis_urls == ["redis://a/1", "rediss://b", "rediss://c"]
