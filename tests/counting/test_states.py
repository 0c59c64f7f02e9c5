"""States: a loop that fails says so once, once a minute with how often, and once when it is over."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import Any

import pytest

from djinsight.counting import connections, live_numbers, states
from djinsight.counting.recorder import MAX_QUEUE, Recorder
from djinsight.exceptions import CountingUnavailable, Rejected
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import view

logger = logging.getLogger("djinsight.counting")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that states see, in its only element."""
    now = [1000.0]
    monkeypatch.setattr(states.time, "monotonic", lambda: now[0])
    return now


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("djinsight")]


def test_once_then_every_minute_then_its_end(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(1000):
        states.failing(logger, "counting", "it is %s", "down")
    assert said(caplog) == ["it is down"]
    clock[0] += 59
    states.failing(logger, "counting", "it is %s", "down")
    assert len(said(caplog)) == 1
    clock[0] += 1
    states.failing(logger, "counting", "it is %s", "still down")
    assert said(caplog)[1:] == ["it is still down (1001 times in the last 60 s)"]
    states.over("counting")
    assert len(said(caplog)) == 2  # it has failed a moment ago, and may again
    clock[0] += states.OVER_AFTER
    states.over("counting")
    states.over("counting")
    assert said(caplog)[2:] == ["over: counting; it failed 1002 times in 60 s"]
    states.failing(logger, "counting", "it is %s", "down")
    assert said(caplog)[3:] == ["it is down"]


def test_what_fails_every_other_time_is_one_state(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(300):
        states.failing(logger, "counting", "down")
        clock[0] += 0.1
        states.over("counting")
    assert said(caplog) == ["down"]


def test_states_are_told_apart_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    for n in range(2 * states.MAX_STATES):
        states.failing(logger, f"state {n}", "down %d", n)
    assert len(said(caplog)) == 2 * states.MAX_STATES
    assert len(states._states) == states.MAX_STATES


def test_from_many_threads(caplog: pytest.LogCaptureFixture) -> None:
    ready = threading.Barrier(8)

    def fail() -> None:
        ready.wait()
        for _ in range(500):
            states.failing(logger, "counting", "down")

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said(caplog) == ["down"]
    assert states._states["counting"].times == 4000


@pytest.mark.usefixtures("transactional_db")
async def test_half_of_the_shards_are_down(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Thirty clients that try again and again: a handful of lines, and the other half counts."""
    url = settings.DJINSIGHT_REDIS_URL
    settings.DJINSIGHT_REDIS_SHARDS = 4
    settings.DJINSIGHT_REDIS_URL = [url, "redis://127.0.0.1:1/0"]
    refs = [ObjectRef("blog", "article", str(n)) for n in range(16)]
    recording = Recorder(lambda snapshots: None)
    counted: list[bool] = []

    async def client() -> None:
        for ref in refs:
            try:
                await recording.record(view(ref))
                counted.append(True)
            except Rejected:
                counted.append(False)
            with suppress(CountingUnavailable):  # on a slow machine no server answers in time
                await live_numbers.aread(refs[:8])
            await asyncio.to_thread(live_numbers.read, refs[:8])

    await asyncio.gather(*(client() for _ in range(30)))
    await recording.aclose()
    await connections.aclose()
    assert counted.count(True) > 100
    assert counted.count(False) > 100
    # One of each place and shard that is down.
    assert len(said(caplog)) <= 10, said(caplog)


async def test_a_full_queue_is_said_once(settings: Any, ref: ObjectRef, caplog: pytest.LogCaptureFixture) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    recording = Recorder(lambda snapshots: None)
    answers = [recording.record(view(ref)) for _ in range(MAX_QUEUE)]
    for _ in range(50):
        with pytest.raises(Rejected):
            recording.record(view(ref))
    assert len([line for line in said(caplog) if "wait for Redis" in line]) == 1
    await asyncio.gather(*answers, return_exceptions=True)
    await recording.aclose()
    await connections.aclose()
