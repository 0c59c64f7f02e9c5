"""System checks: which ids a configuration gets."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


def ids() -> list[str]:
    return [message.id for message in checks.run_checks(tags=["djinsight"])]


def test_nothing_to_say() -> None:
    assert ids() == []


def test_e001_once_for_each_bad_setting(settings: Any) -> None:
    settings.DJINSIGHT_BATCH_SIZE = 0
    settings.DJINSIGHT_VISITOR = "face"
    assert ids() == ["djinsight.E001", "djinsight.E001"]


def test_e001_names_the_setting_and_what_it_must_be(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 65
    (message,) = checks.run_checks(tags=["djinsight"])
    assert message.obj == "DJINSIGHT_REDIS_SHARDS"
    assert "1 to 64" in message.msg
    assert message.level == checks.ERROR


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param({}, ["djinsight.E002"], id="none"),
        pytest.param({"other": {"BACKEND": PUBSUB}}, ["djinsight.E002"], id="no default"),
        pytest.param({"default": {}}, ["djinsight.E002"], id="no backend"),
        pytest.param({"default": {"BACKEND": PUBSUB}}, [], id="pub/sub"),
        pytest.param({"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}, ["djinsight.W001"], id="lists"),
        pytest.param({"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}, ["djinsight.W001"], id="memory"),
        pytest.param({"default": {"BACKEND": "site.layers.OwnLayer"}}, [], id="the site's own"),
    ],
)
def test_channel_layer(layers: dict[str, Any], expected: list[str], settings: Any) -> None:
    settings.CHANNEL_LAYERS = layers
    assert ids() == expected


@pytest.mark.parametrize(
    ("visitor", "engine", "expected"),
    [
        ("session", "signed_cookies", ["djinsight.W002"]),
        ("session", "db", []),
        ("session", "cache", []),
        ("cookie", "signed_cookies", []),
        ("anonymous", "signed_cookies", []),
    ],
)
def test_session_engine(visitor: str, engine: str, expected: list[str], settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = visitor
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert ids() == expected
