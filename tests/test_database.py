"""Database: djinsight uses the one that a router names, and transactions that no caller can roll back."""

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

from djinsight.history import dead_letters, summaries
from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import count_views
from tests.support.processes import ROOT


def test_a_database_of_its_own(redis_client: redis.Redis) -> None:
    """Persist is exact with the statistics in a database of their own, and the admin finds an object's rows.

    A worker that is killed before its commit leaves nothing that is written twice. Views are persisted also while the
    objects' database is down, although it is not known then if the objects are deleted. The search for the object of an
    older counter does not claim that it found one.
    """
    command = [sys.executable, "-m", "tests.support.two_databases"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    found = " 1\n?model=blog.article 1\n?model=blog.product 0\n?q=Findable 1\n?q=Missing 0\n"
    assert (done.stdout, done.returncode) == (f"5 5\n{found}0\n2\nnot known\n", 0), done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "write",
    [persist, lambda: list(dead_letters.replay()), lambda: list(summaries.rebuild(1))],
    ids=["persist", "replay", "rebuild"],
)
def test_within_a_transaction_of_somebody_else(ref: ObjectRef, write: Callable[[], object]) -> None:
    """It is refused, as the stream would be trimmed of views that are rolled back afterwards."""
    count_views(ref, 5)
    with pytest.raises(RuntimeError), transaction.atomic():
        write()
    persist()
    assert PageViewLog.objects.count() == 5


def test_the_statistics_are_down(redis_client: redis.Redis, tmp_path: Path) -> None:
    """Pages show the numbers of Redis, methods raise nothing, deletions succeed, and cleanup removes what they left."""
    command = [sys.executable, "-m", "tests.support.statistics_down"]
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
