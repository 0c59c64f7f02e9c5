"""Traffic: visitors that view pages all the time, and retry each view until it is accepted."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Sequence

from djinsight.counting import connections
from djinsight.counting.recorder import Recorder
from djinsight.exceptions import Rejected
from djinsight.tracked.refs import ObjectRef
from tests.support.counted_views import view

VISITORS = 8
PAUSE = 0.01  # seconds between two views of a visitor; together they make some hundreds a second
AGAIN = 0.05  # seconds until the retry of a refused view
ENDS_WITHIN = 60.0  # seconds until all refused views are accepted


class Traffic:
    """Visitors with a recorder in a thread, like a server's, and the counts of its answers."""

    def __init__(self, refs: Sequence[ObjectRef]) -> None:
        self.refs = refs
        self.accepted: Counter[ObjectRef] = Counter()
        self.refused: Counter[str] = Counter()
        self._more = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def views(self) -> int:
        """The number of accepted views."""
        return self.accepted.total()

    def start(self) -> None:
        self._thread.start()

    def more(self, views: int) -> None:
        """Wait until ``views`` more are accepted."""
        target = self.views + views
        with self._more:
            assert self._more.wait_for(lambda: self.views >= target, ENDS_WITHIN), dict(self.refused)

    def stop(self) -> int:
        """Stop the visitors, wait until all their views are accepted, and return the number of accepted views."""
        self._stop.set()
        self._thread.join(ENDS_WITHIN)
        assert not self._thread.is_alive(), f"views are still refused: {dict(self.refused)}"
        return self.views

    def abandon(self) -> None:
        """Stop the visitors at the end of a test, accepted or not."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(ENDS_WITHIN)

    async def _run(self) -> None:
        recorder = Recorder(lambda snapshots: None)
        await asyncio.gather(*(self._visit(recorder, n) for n in range(VISITORS)))
        await recorder.aclose()
        await connections.aclose()

    async def _visit(self, recorder: Recorder, n: int) -> None:
        turn = n
        while not self._stop.is_set():
            turn += 1
            ref = self.refs[turn % len(self.refs)]
            await self._view(recorder, ref, f"visitor-{n}")
            await asyncio.sleep(PAUSE)

    async def _view(self, recorder: Recorder, ref: ObjectRef, visitor: str) -> None:
        each = view(ref, visitor, id=secrets.token_urlsafe(12))
        while True:
            try:
                await recorder.record(each)
            except Rejected as error:
                self.refused[error.reason] += 1
                await asyncio.sleep(AGAIN)
            else:
                break
        with self._more:
            self.accepted[ref] += 1
            self._more.notify_all()
