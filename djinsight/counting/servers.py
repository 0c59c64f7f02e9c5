"""Redis servers: walk through the keys of each, and send many commands in one round trip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from djinsight.conf import conf
from djinsight.counting import connections
from djinsight.counting.keys import escaped

SCAN = 1000  # keys in a step of the scan


def shards() -> range:
    """Return one shard of each server, so that a caller asks each server once."""
    return range(min(conf.redis_shards, len(conf.redis_urls)))


def scan(shard: int) -> Iterator[list[str]]:
    """Yield the names of all keys with our prefix on the server of ``shard``, page by page.

    SCAN may return a key twice, on different pages.

    Raises:
        redis.RedisError: The server does not answer.
    """
    client = connections.sync_client(shard)
    pattern = escaped(conf.redis_key_prefix) + "*"
    cursor = 0
    while True:
        cursor, names = client.scan(cursor, match=pattern, count=SCAN)
        yield [name.decode(errors="replace") for name in dict.fromkeys(names)]
        if cursor == 0:
            return


def replies(shard: int, command: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the replies to ``command`` with each of ``arguments``, in one round trip.

    Raises:
        redis.RedisError: The server does not answer, or refuses one of the commands.
    """
    pipe = connections.sync_client(shard).pipeline(transaction=False)
    for each in arguments:
        getattr(pipe, command)(*each)
    replies: list[Any] = pipe.execute()
    return replies
