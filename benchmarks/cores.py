"""Cores: one for the server that is measured, another for its load."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_cores = sorted(os.sched_getaffinity(0))
SERVER = _cores[0]
LOAD = _cores[-1]  # a machine with one core shares it, so its figures mean little
SOCKETS = 20_000  # open files that a process may need
_SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {%d})
while os.getppid() == %d:
    for _ in range(1_000_000):
        pass
"""


def pin(core: int) -> None:
    """Keep this process and its children on ``core``."""
    os.sched_setaffinity(0, {core})


@contextmanager
def awake() -> Iterator[None]:
    """Keep the cores from halting within the block, with processes that run only if no other does.

    A halted virtual core goes to another virtual machine, and finds cold caches when it comes back. That slows a server
    down by a sixth if it waits for half of the time.
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
    """Give this process precedence over others on its core within the block, if it may (as root).

    The load shares its core with Redis. It stands for clients on other machines, which do not wait for a script of
    Redis.
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
    """Raise the limit of open files as far as this process is allowed to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SOCKETS if hard == resource.RLIM_INFINITY else min(SOCKETS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
