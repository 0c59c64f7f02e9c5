"""Breakers: pages do not wait for a Redis server that does not answer. One page at a time asks if it does again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from django.core.signals import setting_changed

from djinsight.conf import conf
from djinsight.counting import connections
from djinsight.counting.faults import Fault, fault_of

REST = 5.0  # seconds in which pages do not ask a server that did not answer
BESIDE = 0.2  # share of the timeout that a page waits while another page is asking


class Resting(redis.ConnectionError):
    """The server did not answer a moment ago, or another page is asking if it does again."""


class Breaker:
    """Holds the state of one server for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking = False  # a page is asking with the full timeout
        self._until: float | None = None  # when the server may be asked again (monotonic clock); None while it answers

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the server in this block, with the timeout of pages.

        A page that asks while another one does waits for a part of the timeout. So a server that begins to hang holds
        up one thread and not all.

        Raises:
            Resting: The server did not answer a moment ago.
        """
        first = self._begin()
        timeout = min(conf.page_timeout, conf.redis_timeout)
        try:
            with connections.patience(timeout if first else timeout * BESIDE):
                yield
        except (redis.RedisError, OSError) as error:
            if first and fault_of(error) in {Fault.DOWN, Fault.ELSEWHERE, Fault.PASSWORD}:
                self.rest()
            raise
        else:
            self._until = None
        finally:
            if first:
                self._asking = False

    def rest(self) -> None:
        """Let no page ask the server for a few seconds, because it did not answer."""
        self._until = time.monotonic() + REST

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Ask the server in this block even while it rests, with the timeout of workers, as no page waits."""
        resting = self._until is not None
        try:
            yield
        except (redis.RedisError, OSError):
            if not resting:  # else pages would never ask again while one object after the other is deleted
                self.rest()
            raise

    def _begin(self) -> bool:
        """Return whether this page is the only one that asks. Raises Resting."""
        with self._lock:
            if self._until is not None and (self._asking or time.monotonic() < self._until):
                raise Resting("Redis did not answer a moment ago")
            first, self._asking = not self._asking, True
            return first


_breakers: dict[str, Breaker] = {}


def of(shard: int) -> Breaker:
    """Return the breaker of the server that has ``shard``."""
    return _breakers.setdefault(connections.url_of(shard), Breaker())


def forget() -> None:
    """Forget which servers did not answer."""
    _breakers.clear()


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in {"DJINSIGHT_REDIS_URL", "CACHES"}:
        forget()


setting_changed.connect(_forget)
os.register_at_fork(after_in_child=forget)
