"""Breakers: pages do not wait for a Redis that does not answer; one page at a time finds out whether it does again."""

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
BESIDE = 0.2  # of the timeout: how long a page waits that asks while another one is asking


class Resting(redis.ConnectionError):
    """The server did not answer a moment ago, or another page is finding out."""


class Breaker:
    """The state of one server in this process, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking = False  # by the page that waits for the full timeout
        self._until: float | None = None  # when it may be asked again; None while it answers

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the server in this block, with the timeout of pages. Raises Resting.

        A page that asks beside another one waits for a part of that time, so that a server which has just begun to
        hang holds up one thread and not all.
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
        """The server did not answer: no page asks it for a few seconds."""
        self._until = time.monotonic() + REST

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Ask the server in this block also while it rests, with the timeout of workers: no page waits for it."""
        resting = self._until is not None
        try:
            yield
        except (redis.RedisError, OSError):
            if not resting:  # else pages would never find out, while one object after the other is deleted
                self.rest()
            raise

    def _begin(self) -> bool:
        """Return whether this page is the first to ask. Raises Resting."""
        with self._lock:
            if self._until is not None and (self._asking or time.monotonic() < self._until):
                raise Resting("Redis did not answer a moment ago")
            first, self._asking = not self._asking, True
            return first


_breakers: dict[str, Breaker] = {}


def of(shard: int) -> Breaker:
    """The breaker of the server that has ``shard``."""
    return _breakers.setdefault(connections.url_of(shard), Breaker())


def forget() -> None:
    """Forget which servers did not answer."""
    _breakers.clear()


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in {"DJINSIGHT_REDIS_URL", "CACHES"}:
        forget()


setting_changed.connect(_forget)
os.register_at_fork(after_in_child=forget)
