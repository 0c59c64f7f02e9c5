"""The database with our tables: where a router puts it, and in transactions that nobody else can take back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from django.db import transaction

from djinsight.beacons.refs import ObjectRef
from djinsight.history import deadletters, summaries
from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from tests.counting import count_views
from tests.processes import ROOT


def test_a_database_of_its_own(redis_client: redis.Redis) -> None:
    """What a worker wrote that is killed before its commit is not there twice; the admin finds an object's rows.

    Views are persisted also while the objects' database is down, which does not tell whether they are deleted; who
    looks for the one object that an older counter is of is not told that they are there.
    """
    command = [sys.executable, "-m", "tests.two_databases"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    found = " 1\n?model=blog.article 1\n?model=blog.product 0\n?q=Findable 1\n?q=Missing 0\n"
    assert (done.stdout, done.returncode) == (f"5 5\n{found}0\n2\nnot known\n", 0), done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "write",
    [persist, lambda: list(deadletters.replay()), lambda: list(summaries.rebuild(1))],
    ids=["persist", "replay", "rebuild"],
)
def test_within_a_transaction_of_somebody_else(ref: ObjectRef, write: Callable[[], object]) -> None:
    """Refused: the stream would be trimmed of what is rolled back afterwards."""
    count_views(ref, 5)
    with pytest.raises(RuntimeError), transaction.atomic():
        write()
    persist()
    assert PageViewLog.objects.count() == 5


def test_the_statistics_are_down(redis_client: redis.Redis, tmp_path: Path) -> None:
    """Pages show what Redis has, methods raise nothing, deletions end, and what they left goes in the night."""
    command = [sys.executable, "-m", "tests.statistics_down"]
    environment = {**os.environ, "TEST_DATA": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(map(json.loads, done.stdout.splitlines())) == [
        {"page": 200, "total": True, "unknown": 4},
        {"cold": 200},
        {"bars": 2},  # today's, and the line below
        {"numbers": [5, 1, True]},
        {"periods": [5, 5, 5]},
        {"cold_numbers": [0, 0, None]},
        {"together": [5, 5, 5, 0]},
        {"most_viewed": [0, 0]},
        {"in_a_loop": [5, 5, 0, 0]},
        {"deleted": 2, "hooks": ["after"]},
        {"left": 3},
        {"left": 1, "total": 5},
    ]
    assert done.stderr.count("the database of the statistics fails") == 1
    assert not list(redis_client.scan_iter("djinsight:counter:blog.article:2"))
