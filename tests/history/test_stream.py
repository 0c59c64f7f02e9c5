"""Stream: persist reads page by page, and requests the next page before it reads one."""

from __future__ import annotations

import pytest
import redis

from djinsight.counting import connections
from djinsight.history import stream
from djinsight.history.stream import Stream
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views

REF = ObjectRef("blog", "article", "1")


@pytest.fixture(autouse=True)
def small_pages(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PAGE", 4)


@pytest.mark.parametrize("views", [0, 1, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("limit", [1, 4, 7, 8, 100])
def test_each_entry_once_and_in_order(views: int, limit: int) -> None:
    count_views(REF, views)
    assert [entry.seq for entry in Stream(0).after("0-0", limit)] == list(range(1, views + 1))[:limit]


def test_after_an_entry() -> None:
    count_views(REF, 9)
    third = list(Stream(0).after("0-0", 3))[-1]
    assert [entry.seq for entry in Stream(0).after(third.entry_id, 100)] == [4, 5, 6, 7, 8, 9]


def test_who_stops_halfway_leaves_no_answer_for_the_next() -> None:
    count_views(REF, 9)
    entries = Stream(0).after("0-0", 100)
    assert next(entries).seq == 1
    entries.close()  # the second page is requested already
    client = connections.sync_client(0)
    assert client.ping() is True
    assert stream.pending() == 9


def test_connections_are_given_back() -> None:
    count_views(REF, 9)
    pool = connections.sync_client(0).connection_pool
    for _ in range(connections.POOL + 1):  # one more than the pool has
        assert len(list(Stream(0).after("0-0", 100))) == 9
        next(unfinished := Stream(0).after("0-0", 100))
        unfinished.close()
    assert pool.pool.qsize() == connections.POOL


def test_redis_refuses() -> None:
    """A key that another program has written over is no stream."""
    client = connections.sync_client(0)
    client.set("djinsight:events", "text")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        list(Stream(0).after("0-0", 100))
    assert client.get("djinsight:events") == b"text"
