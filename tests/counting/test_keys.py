"""Every name in Redis. Other programs read the counters: their names are fixed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from djinsight.counting.keys import Keys, RefKeys, group_name, shard_of
from djinsight.tracked.refs import ObjectRef

REF = ObjectRef("blog", "article", "5")
REFS = [ObjectRef("blog", "article", str(n)) for n in range(1000)]


def names(keys: Keys) -> list[str]:
    return [
        keys.events,
        keys.meta,
        keys.shed,
        keys.of_visitor("v"),
        keys.view_ids(7),
        *keys.of_ref(REF, "20260301"),
    ]


def test_names() -> None:
    keys = Keys(0)
    assert keys.of_ref(REF, "20260301") == RefKeys(
        counter="djinsight:counter:blog.article:5",
        unique_counter="djinsight:unique_counter:blog.article:5",
        day="djinsight:day:20260301:blog.article:5",
        viewed="djinsight:viewed:blog.article:5",
    )
    assert names(keys)[:5] == [
        "djinsight:events",
        "djinsight:meta",
        "djinsight:shed",
        "djinsight:session:v",
        "djinsight:ids:7",
    ]


def test_prefix(settings: Any) -> None:
    settings.DJINSIGHT_REDIS_KEY_PREFIX = "stats/"
    assert Keys(0).events == "stats/events"
    assert all(name.startswith("stats/") for name in names(Keys(0)))


@pytest.mark.parametrize(("shards", "shard"), [(2, 0), (2, 1), (4, 3)])
def test_all_of_a_shard_in_one_slot(shards: int, shard: int, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = shards
    assert {re.search(r"\{(.*?)\}", name)[1] for name in names(Keys(shard))} == {str(shard)}  # type: ignore[index]
    assert Keys(shard).events == f"djinsight:{{{shard}}}:events"


def test_the_tag_is_the_first_brace(settings: Any) -> None:
    """Redis Cluster hashes what is in the first braces: those of a primary key come later."""
    settings.DJINSIGHT_REDIS_SHARDS = 4
    name = Keys(2).of_ref(ObjectRef("blog", "term", "{x}"), "20260301").counter
    assert name.index("{2}") < name.index("{x}")


def test_one_shard() -> None:
    assert {shard_of(ref) for ref in REFS} == {0}


@pytest.mark.parametrize("shards", [2, 3, 64])
def test_objects_spread_over_shards(shards: int, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_SHARDS = shards
    spread = [shard_of(ref) for ref in REFS]
    assert set(spread) == set(range(shards))
    assert max(spread.count(shard) for shard in range(shards)) < 3 * len(REFS) / shards


def test_an_object_stays_on_its_shard(settings: Any) -> None:
    """A shard must not depend on the process (as ``hash`` does) nor change with a release."""
    settings.DJINSIGHT_REDIS_SHARDS = 16
    assert [shard_of(ref) for ref in (REF, ObjectRef("blog", "term", "é 語"))] == [0, 2]


@pytest.mark.parametrize("prefix", ["djinsight:", "é 語 🙂", "a:b c", "x" * 200])
def test_the_group_has_a_name_that_channels_takes(prefix: str, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_KEY_PREFIX = prefix
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,99}", group_name("f" * 32))


def test_sites_on_one_redis_have_a_group_of_their_own(settings: Any) -> None:
    before = group_name("a")
    assert group_name("b") != before
    settings.DJINSIGHT_REDIS_KEY_PREFIX = "other:"
    assert group_name("a") != before
