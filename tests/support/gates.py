"""Gates: stop a management command at a chosen call of a function.

``python -m tests.support.gates MODULE:FUNCTION N COMMAND OPTIONS`` prints ``at the gate`` before the Nth call of the
function, and waits for SIGUSR1. So a test ends the command at an exact point, whatever the speed of the machine.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from importlib import import_module
from typing import Any

import django
from django.core.management import execute_from_command_line

from tests.support.processes import Process

OPENS_WITHIN = 120.0  # seconds


def stopped(at: str, call: int, *command: str, **settings: Any) -> Process:
    """Start ``command`` with ``settings``, and return it once it waits before call number ``call`` of ``at``."""
    process = Process("-m", "tests.support.gates", at, str(call), *command, TEST_SETTINGS=json.dumps(settings))
    process.wait_for("^at the gate$")
    return process


def interrupt(process: Process) -> int:
    """Send SIGINT to a waiting command, let it continue, and return its exit status."""
    process.popen.send_signal(signal.SIGINT)
    process.popen.send_signal(signal.SIGUSR1)
    return process.popen.wait(OPENS_WITHIN)


def main(at: str, call: int, *command: str) -> None:
    opened = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: opened.set())
    django.setup()
    path, _, name = at.partition(":")
    module = import_module(path)
    function = getattr(module, name)
    calls = 0

    def gate(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            sys.stdout.write("at the gate\n")
            sys.stdout.flush()
            if not opened.wait(OPENS_WITHIN):
                raise TimeoutError("nobody has opened the gate")
        return function(*args, **kwargs)

    setattr(module, name, gate)
    execute_from_command_line(["manage.py", *command])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
