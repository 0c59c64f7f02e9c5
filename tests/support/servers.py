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

from demo.redis_server import RedisServer, RedisUnavailable, start_private, start_redis

MOST_WORKERS = 4  # each has a Redis, a browser and servers of its own
ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


WORKER = "PYTEST_XDIST_WORKER" in os.environ  # also in what a worker starts


def _start() -> tuple[Path, RedisServer]:
    data = Path(tempfile.mkdtemp(prefix="djinsight-tests-"))
    try:
        # Each worker empties its Redis before each test, so that none can share one.
        return data, start_private(data=data) if WORKER else start_redis(data=data)
    except RedisUnavailable as error:
        shutil.rmtree(data)
        raise pytest.UsageError(str(error)) from error


data, redis_server = _start()
os.environ["TEST_DATA"] = str(data)
os.environ["TEST_REDIS_URL"] = redis_server.url


# The tests of faults write what they counted here, those of a run inside a run too; the first run shows it at its end.
os.environ.setdefault("FAULTS_LEDGER", str(data / "faults.jsonl"))


@pytest.hookimpl(tryfirst=True)  # before the answer of pytest-xdist itself
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers of ``-n auto``: one more than cores for the whole suite, none for named tests.

    One more, as tests wait for their processes more than they compute. A run inside a worker has none, nor has a run
    on the Redis that ``REDIS_URL`` names: workers cannot share one.
    """
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if named or WORKER or "REDIS_URL" in os.environ:
        return 0
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


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
