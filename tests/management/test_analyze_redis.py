"""``analyze_redis``: the data in Redis, in the current layout and in the older one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.management.base import CommandError

from djinsight import days
from djinsight.counting import live_numbers, refusals, servers
from djinsight.doctor import inventory
from djinsight.exceptions import Reason
from djinsight.history.persist import persist
from djinsight.models import RefusalCount
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Product
from tests.support.commands import run
from tests.support.counted_views import count_views
from tests.support.older_layout import PREFIX, view


def viewed(title: str, views: int, visitors: int = 1) -> Article:
    article = Article.objects.create(title=title)
    count_views(ObjectRef.of(article), views, visitors)
    live_numbers.read([ObjectRef.of(article)])
    return article


def test_a_line_an_object(transactional_db: None) -> None:
    first, second = viewed("A live number", 15), viewed('Say "when"', 20)
    lines = run("analyze_redis").splitlines()
    assert f'Object ID {first.pk}: blog.article - "A live number" (15 total views)' in lines
    assert lines[-2] == f'Object ID {second.pk}: blog.article - "Say "when"" (20 total views)'


def test_kinds(transactional_db: None, redis_client: redis.Redis) -> None:
    viewed("a", 3, visitors=2)
    viewed("b", 2)
    redis_client.set("djinsight:what", "?")
    redis_client.set("other:counter:5", "5")
    lines = run("analyze_redis").splitlines()
    rows = [line.split(maxsplit=3) for line in lines if line.startswith(" ")]
    found = {label: int(number) for number, _, _, label in rows}
    assert found == {
        "total views": 2,
        "unique views": 2,
        "views of a day": 2,
        "times of views": 2,
        "visitors": 2,
        "view ids": 1,
        "stream of pending views": 1,
        "sums of pending views": 1,
        "state of the stream": 1,
        "not known": 1,
    }
    assert "Pending views: 5" in lines
    persist()
    assert "Pending views: 0" in run("analyze_redis").splitlines()


def test_memory(transactional_db: None, redis_client: redis.Redis) -> None:
    viewed("a", 3)
    found = inventory.take(1000)
    keys = list(redis_client.scan_iter("djinsight:*"))
    assert found.keys == len(keys)
    assert sum(kind.bytes for kind in found.kinds.values()) == sum(redis_client.memory_usage(key) for key in keys)


@pytest.mark.parametrize("layout", ["0.1", "0.4"])
def test_the_older_layout(layout: str, ref: ObjectRef, redis_client: redis.Redis) -> None:
    for n in range(15):
        view(redis_client, int(ref.pk), session=f"session{n}", layout=layout)
    redis_client.set(f"{PREFIX}counter:987654", 3)
    lines = run("analyze_redis").splitlines()
    at = lines.index("In the older layout, which process_pageviews imports:")
    assert lines[at + 1 :] == [
        f'Object ID {ref.pk}: blog.article - "A live number" (15 total views)',
        "Object ID 987654: unknown model or no such object (3 total views)",
    ]
    found = inventory.take(1000).kinds
    names = 2 if layout == "0.1" else 1
    assert {label: kind.keys for label, kind in found.items()} == {
        "older layout: total views": names + 1,
        "older layout: unique views": names,
        "older layout: records of views": 15,
        "older layout: sessions": 15,
    }


def test_refusals(transactional_db: None) -> None:
    """Refusals in the database and refusals that are still in Redis are added up."""
    RefusalCount.objects.create(date=days.now().day, reason=Reason.BOT, refused=1200)
    RefusalCount.objects.create(date=days.now().day - timedelta(days=7), reason=Reason.BOT, refused=5)
    for _ in range(3):
        refusals.count(Reason.RATE)
    refusals.flush()
    lines = run("analyze_redis").splitlines()
    at = lines.index("Refused in 7 days: 1,203")
    assert [line.split() for line in lines[at + 1 : at + 3]] == [["1,200", "bot"], ["3", "rate"]]
    assert any(line.endswith("refusals") for line in lines)


def test_detail_that_was_shed(ref: ObjectRef, settings: Any, redis_client: redis.Redis) -> None:
    settings.DJINSIGHT_STREAM_MAX_VIEWS = 4
    count_views(ref, 10)
    redis_client.hset("djinsight:shed", "somebody's", "else")
    lines = run("analyze_redis").splitlines()
    assert "Pending views: 10" in lines
    assert "6 of them without detail, because the stream was full." in lines


def test_bounds(transactional_db: None) -> None:
    for n in range(5):
        viewed(str(n), n + 1)
    said = run("analyze_redis", "--objects", "2")
    assert [line.split('"')[1] for line in said.splitlines() if line.startswith("Object ID")] == ["4", "3"]
    assert "3 more objects (--objects)" in said
    assert run("analyze_redis", "--max-keys", "3").startswith("3 keys read, and there are more (--max-keys)")


def test_deleted_and_hostile(transactional_db: None, redis_client: redis.Redis) -> None:
    viewed("\x1b[2Jgone\u202e\nObject ID 1", 2)
    product = Product.objects.create(name="p")
    count_views(ObjectRef.of(product), 1)
    live_numbers.read([ObjectRef.of(product)])
    Product.objects.all()._raw_delete("default")
    said = run("analyze_redis")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert f"Object ID {product.pk}: blog.product - no such object (1 total views)" in said


def test_shards(settings: Any, transactional_db: None) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = 4
    for n in range(6):
        viewed(str(n), 2)
    found = inventory.take(1000)
    assert (found.pending, sum(found.views.values())) == (12, 12)
    assert inventory.OTHER not in found.kinds


def test_keys_is_never_sent(ref: ObjectRef, redis_client: redis.Redis) -> None:
    """The command KEYS would block Redis while it walks all keys."""
    count_views(ref, 5)
    redis_client.config_resetstat()
    run("analyze_redis")
    stats = redis_client.info("commandstats")
    assert "cmdstat_scan" in stats
    assert "cmdstat_keys" not in stats


def test_hostile_prefix(settings: Any, ref: ObjectRef, redis_client: redis.Redis) -> None:
    """The prefix is a plain string, not a pattern."""
    settings.DJINSIGHT_REDIS_KEY_PREFIX = "a*[b]?:"
    redis_client.set("axxb!:counter:5", 1)
    count_views(ref, 5)
    assert sum(len(names) for names in servers.scan(0)) == inventory.take(1000).keys == 5


@pytest.mark.parametrize("arguments", [["--max-keys", "0"], ["--objects", "-1"], ["--max-keys", "all"]])
def test_bad_options(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="whole number"):
        run("analyze_redis", "=".join(arguments))


def test_redis_down(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="Redis does not answer"):
        run("analyze_redis")
