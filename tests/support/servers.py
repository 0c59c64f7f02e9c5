"""Servers: a pytest plugin that starts a private Redis for the run, and makes a folder for the tests' data.

pytest-django reads Django's settings when it loads, before any conftest, and they need the addresses of the servers
in the environment. Hence ``-p tests.support.servers`` in pyproject.toml.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from demo.redis_server import RedisServer, RedisUnavailable, start_redis

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def _start() -> tuple[Path, RedisServer]:
    data = Path(tempfile.mkdtemp(prefix="djinsight-tests-"))
    try:
        return data, start_redis(data=data)
    except RedisUnavailable as error:
        shutil.rmtree(data)
        raise pytest.UsageError(str(error)) from error


data, redis_server = _start()
os.environ["TEST_DATA"] = str(data)
os.environ["TEST_REDIS_URL"] = redis_server.url


def pytest_report_header() -> list[str]:
    lines = [f"redis: {redis_server.kind} at {redis_server.url}"]
    return [*lines, f"WARNING: {redis_server.warning}"] if redis_server.warning else lines


@atexit.register  # also if pytest ends before the first test, as with an unknown option
def _stop() -> None:
    redis_server.stop()
    shutil.rmtree(data, ignore_errors=True)


def cannot_run(reason: str) -> None:
    """Skip a test that this machine cannot run. On CI that is a failure."""
    if ON_CI:
        pytest.fail(reason)
    pytest.skip(reason)
