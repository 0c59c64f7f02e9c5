"""Worker: ``python -m demo.worker`` runs the tasks, with beat in a thread.

``celery worker --beat`` forks a process for beat, which comes to need memory of its own, and Celery's command line
loads a shell that nothing uses here. A thread shares the memory of the worker, and ends with it.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from typing import Any

from celery import Celery, bootsteps
from celery.beat import Service

from demo.celery import app

STOP_WITHIN = 10.0  # seconds; beat wakes up each second


class Beat(Thread):
    """Beat in a thread. If it fails, it ends the worker, which would run no task without it."""

    def __init__(self, app: Celery) -> None:
        super().__init__(name="beat", daemon=True)
        self.service = Service(app, max_interval=1, scheduler_cls=app.conf.beat_scheduler)
        self._ending = False

    def run(self) -> None:
        try:
            self.service.start()
        finally:
            if not self._ending:
                os.kill(os.getpid(), signal.SIGTERM)

    def stop(self) -> None:
        self._ending = True
        self.service.stop()
        self.join(STOP_WITHIN)


class BeatStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Start and stop beat with the worker."""

    def create(self, worker: Any) -> Beat:
        return Beat(worker.app)


def main() -> int:
    # The system checks would load the pages of the site; demo.prepare makes them.
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
    app.steps["worker"].add(BeatStep)
    worker = app.Worker(pool_cls="solo", concurrency=1, loglevel="WARNING", without_mingle=True, without_gossip=True)
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
