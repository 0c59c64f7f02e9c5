"""Daphne, told to let everybody have a turn, to go a short way with short texts, and to do nothing in vain."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any


def tune_daphne() -> None:
    """Let Daphne's sockets read little at once, go a short way with short texts, and do nothing in vain.

    To be called in asgi.py. Sockets become a ``ShortTextProtocol``: it reads 1 KiB at a time, so that a flood from one
    keeps nobody waiting; takes short texts for a third of what a view costs a server; and writes at the end of a loop
    iteration, by the ``Outbox``, for half of what a number costs that goes to many pages. A protocol of your own is
    left alone. Requests that are not sockets, uploads among them, are read as Daphne does.

    Let it look through its sockets each second without the garbage collector. The pairs that it lists them in would
    count as memory that stays: with 5,000 sockets all there is was walked every 25 s, for 0.45 s in which nobody is
    served.

    And let what it tells its log of each frame be formatted where that is written: autobahn, its WebSocket library,
    colours names and lengths before it knows, and sets out its options for each socket that opens. Another server is
    left alone.
    """
    daphne = sys.modules.get("daphne.ws_protocol")
    if daphne is not None and daphne.WebSocketFactory.protocol is daphne.WebSocketProtocol:
        from djinsight.live.protocol import ShortTextProtocol  # loads Daphne, which another server does without

        daphne.WebSocketFactory.protocol = ShortTextProtocol
    daphne = sys.modules.get("daphne.server")
    if daphne is not None and not hasattr(daphne.Server.application_checker, "__wrapped__"):
        daphne.Server.application_checker = _without_collector(daphne.Server.application_checker)
    for name in ("autobahn.websocket.protocol", "autobahn.twisted.websocket"):
        module = sys.modules.get(name)
        for formatter, plain in _PLAIN.items():
            if hasattr(module, formatter):
                setattr(module, formatter, plain)


def _without_collector(look: Callable[[Any], None]) -> Callable[[Any], None]:
    @wraps(look)
    def without(server: Any) -> None:
        was_on = gc.isenabled()
        gc.disable()
        try:
            look(server)
        finally:
            if was_on:
                gc.enable()

    return without


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: dict[str, Callable[[Any], Any]] = {"hltype": _as_it_is, "hlval": _as_it_is, "pformat": repr}
