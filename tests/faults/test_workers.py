"""Workers that are killed, and many workers at once: every accepted view becomes one row."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection

from djinsight import schedule
from djinsight.history.persist import persist
from djinsight.tasks import persist as persist_task
from djinsight.tracked.refs import ObjectRef
from tests.faults import ledger
from tests.faults.soak import times
from tests.faults.traffic import Traffic
from tests.faults.worker import STEPS
from tests.support.processes import Process, celery_worker
from tests.support.tallies import live, losses, persisted

pytestmark = pytest.mark.once

Start = Callable[..., Process]


def settle(fault: str, traffic: Traffic) -> None:
    """Persist the remaining views, and check that none is lost or doubled."""
    accepted = traffic.stop()
    assert accepted
    while persist().entries:
        pass
    ledger.close(fault, accepted)
    assert losses() == []
    for ref, views in traffic.accepted.items():
        assert persisted(ref)[0] == live(ref)[0] == views


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(step: str, traffic: Traffic, start: Start) -> None:
    """SIGKILL after the read, before the commit, between commit and trim, and during the trim."""
    traffic.start()
    for _ in range(times(2)):
        traffic.more(20)
        worker = start("-m", "tests.faults.worker", step)
        worker.wait_for(f"at {step}")
        traffic.more(20)
        worker.kill()
    settle(f"worker killed: {step}", traffic)


def test_killed_at_any_moment(traffic: Traffic, start: Start) -> None:
    traffic.start()
    dice = random.Random(5)
    for _ in range(times(3)):
        worker = start("-m", "tests.faults.worker")
        worker.wait_for("wrote")
        traffic.more(dice.randint(1, 60))
        worker.kill()
    settle("worker killed at any moment", traffic)


def test_celery_killed_at_any_moment(traffic: Traffic, redis_client: redis.Redis) -> None:
    """A Celery worker is killed while tasks arrive without a pause."""
    traffic.start()
    dice = random.Random(7)
    for _ in range(times(2)):
        worker = celery_worker()
        try:
            for _ in range(dice.randint(10, 20)):
                persist_task.apply_async()
                traffic.more(dice.randint(1, 10))
            worker.wait_for(r"djinsight\.persist\[.*succeeded")
        finally:
            worker.kill()
    settle("Celery killed at any moment", traffic)


def test_eight_drains_at_once(traffic: Traffic, start: Start) -> None:
    workers = [start("-m", "tests.faults.worker") for _ in range(8)]
    for worker in workers:
        worker.wait_for("ready")
    traffic.start()
    for _ in range(times(4)):
        traffic.more(200)
    wrote = [worker for worker in workers if "wrote" in worker.output]
    for worker in workers:
        worker.kill()
    assert len(wrote) > 1
    settle("eight drains at once", traffic)


def test_two_beats(traffic: Traffic, start: Start, settings: Any) -> None:
    """django-celery-beat has no lock, so with two beats every task is sent twice."""
    settings.DJINSIGHT_PERSIST_INTERVAL = 1
    schedule.create_periodic_tasks(connection.alias)
    traffic.start()
    celery = ("-m", "celery", "-A", "tests.celery")
    workers = [start(*celery, "worker", "--pool", "solo", "--loglevel", "INFO", "-n", f"w{n}@%h") for n in range(2)]
    for worker in workers:
        worker.wait_for(r"ready\.$")
    beats = [
        start(*celery, "beat", "--loglevel", "INFO", "--max-interval", "1", "--schedule", "", "--pidfile", "")
        for _ in range(2)
    ]
    for beat in beats:
        for _ in range(times(1)):
            beat.wait_for(r"Sending due task djinsight\.persist")
    for worker in workers:
        worker.wait_for(r"djinsight\.persist\[.*succeeded")
    traffic.more(200)
    for process in (*beats, *workers):
        process.stop()
    settle("two beats, two workers", traffic)


def test_counters_are_thrown_away_meanwhile(
    traffic: Traffic, start: Start, redis_client: redis.Redis, refs: list[ObjectRef]
) -> None:
    """Counters that are loaded while a worker commits and trims are never too high or too low."""
    traffic.start()
    start("-m", "tests.faults.worker").wait_for("wrote")
    shown = dict.fromkeys(refs, 0)
    for _ in range(times(60)):
        for ref in refs:
            redis_client.delete(f"djinsight:counter:{ref}")
            number = live(ref)[0]
            assert number >= shown[ref]
            shown[ref] = number
        traffic.more(3)
    settle("counters thrown away", traffic)
