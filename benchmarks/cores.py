"""Cores: one for what is measured, another for what loads it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_cores = sorted(os.sched_getaffinity(0))
SERVER = _cores[0]
LOAD = _cores[-1]  # on a machine with one core the same: its figures say little
SOCKETS = 20_000  # open files a process may need
_SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {%d})
while os.getppid() == %d:
    for _ in range(1_000_000):
        pass
"""


def pin(core: int) -> None:
    """Keep this process, and what it starts, on ``core``."""
    os.sched_setaffinity(0, {core})


@contextmanager
def awake() -> Iterator[None]:
    """Keep the cores from halting, by processes that run where nothing else would.

    A halted virtual core is somebody else's: its process finds cold caches, and what it does next takes longer, by a
    sixth where it waits for half of the time.
    """
    spinning = [subprocess.Popen([sys.executable, "-c", _SPIN % (core, os.getpid())]) for core in {SERVER, LOAD}]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


@contextmanager
def first() -> Iterator[None]:
    """Have this process run before whatever shares its core, where it may (as root): of the load and Redis, the load.

    It stands for clients that run elsewhere, which do not wait until Redis is through with a script.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def allow_many_sockets() -> None:
    """Raise the limit of open files as far as this process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SOCKETS if hard == resource.RLIM_INFINITY else min(SOCKETS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
