"""The socket: what comes in, what goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sockets import view_id

Open = Callable[..., Any]


async def test_a_view_is_counted_and_reaches_the_other_page(
    open_socket: Open, view_token: str, watch_token: str
) -> None:
    watching, viewing = await open_socket(), await open_socket()
    subscribed = await watching.ask({"type": "subscribe", "tokens": [watch_token]})
    assert [counter["total_views"] for counter in subscribed["counters"]] == [0]

    assert await viewing.view(view_token, view_id()) == {"type": "counted", "id": view_id(), "unique": True}

    counter = await watching.counter(1)
    assert (counter["total_views"], counter["unique_views"], counter["views_today"]) == (1, 1, 1)
