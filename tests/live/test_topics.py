"""Topics: the newest counters go to many sockets in parts, and the event loop runs between two parts."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from djinsight.counting.snapshot import Snapshot
from djinsight.live.sockets import Socket
from djinsight.live.topics import SEND_AT_ONCE, Topic, pushed
from djinsight.tracked.refs import ObjectRef


def viewed(n: int, total: int) -> Snapshot:
    return Snapshot(ObjectRef("blog", "article", str(n)), total, 1, 1, 0, 0, 20_000)


def topics(number: int) -> list[Topic]:
    """Return ``number`` watched objects, each viewed once."""
    made = []
    for n in range(number):
        topic = Topic(ObjectRef("blog", "article", str(n)))
        topic.update(viewed(n, 1))
        made.append(topic)
    return made


class Page:
    """A socket, with the totals by ref of each frame that it was sent."""

    def __init__(self, *watched: Topic) -> None:
        self.got: list[dict[str, int]] = []
        self.socket = Socket(self.send, None, asyncio.get_running_loop().time())
        for topic in watched:
            topic.sockets.add(self.socket)

    async def send(self, message: dict[str, Any]) -> None:
        self.got.append({each["ref"]: each["total_views"] for each in json.loads(message["text"])["counters"]})


async def test_others_have_a_turn_before_thousands_have_the_number() -> None:
    (topic,) = topics(1)
    pages = [Page(topic) for _ in range(3 * SEND_AT_ONCE)]
    parts = pushed({page.socket: [topic] for page in pages})
    for sent in (1, 2, 3):
        next(parts)
        assert sum(len(page.got) for page in pages) == sent * SEND_AT_ONCE
    assert next(parts, "the end") == "the end"


async def test_a_later_part_has_the_newest() -> None:
    (topic,) = topics(1)
    pages = [Page(topic) for _ in range(SEND_AT_ONCE + 1)]
    parts = pushed({page.socket: [topic] for page in pages})
    next(parts)
    topic.update(viewed(0, 2))
    assert not list(parts)
    assert [page.got for page in pages] == [[{"blog.article:0": 1}]] * SEND_AT_ONCE + [[{"blog.article:0": 2}]]


async def test_what_is_not_watched_any_longer_is_not_sent() -> None:
    one, other = topics(2)
    both, neither = Page(one, other), Page(one)
    changed = {page.socket: [one, other] for page in (both, neither)}
    one.sockets.clear()
    assert not list(pushed(changed))
    assert (both.got, neither.got) == ([{"blog.article:1": 1}], [])
