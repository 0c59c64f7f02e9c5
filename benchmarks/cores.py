"""Cores: one for what is measured, another for what loads it."""

from __future__ import annotations

import os
import resource

_cores = sorted(os.sched_getaffinity(0))
SERVER = _cores[0]
LOAD = _cores[-1]  # on a machine with one core the same: its figures say little
SOCKETS = 20_000  # open files a process may need


def pin(core: int) -> None:
    """Keep this process, and what it starts, on ``core``."""
    os.sched_setaffinity(0, {core})


def allow_many_sockets() -> None:
    """Raise the limit of open files as far as this process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SOCKETS if hard == resource.RLIM_INFINITY else min(SOCKETS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
