"""Redis memory: the bytes of a pending view, and of the pair of a visitor and a page."""

from __future__ import annotations

import redis

from benchmarks.figure import Figure
from benchmarks.figures.history import PAGES_A_VISITOR, pending
from benchmarks.figures.older import OLDER
from benchmarks.run import Run


def bytes_each(run: Run) -> list[Figure]:
    """Measure the bytes of a pending view and of a visitor-page pair, against the older layout."""
    number = run.size(100_000, 5000)
    OLDER.run_django("migrate", "-v", "0")
    said = OLDER.run_django("persist_older", str(run.size(20_000, 1000)), "1000", "--memory").split()
    older_view, older_pair = map(float, said)
    pending(run, number)
    with redis.Redis.from_url(run.redis.url) as client:
        whole = _used(client)
        ids = sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter("djinsight:ids:*"))
        client.delete("djinsight:events")
        without_stream = _used(client)
        for key in list(client.scan_iter("djinsight:session:*", count=10_000)):
            client.delete(key)
        without_pairs = _used(client)
    view, pair = (whole - without_stream) / number, (without_stream - without_pairs) / number
    note = (
        f"URL of 40, referrer of 23 and user agent of 111 characters; its id, kept for 10 to 20 minutes against "
        f"doubles, takes {ids / number:.0f} B more"
    )
    return [
        Figure("Redis bytes a pending view", "", view, "B", most=200, samples={"older B": [older_view]}, note=note),
        Figure("Redis bytes a pending view", "the older layout", view / older_view, most=0.35),
        Figure(
            "Redis bytes a visitor-page pair", "", pair, "B", most=40, samples={"older B": [older_pair]},
            note=f"visitors of {PAGES_A_VISITOR} pages",
        ),
    ]  # fmt: skip


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])
