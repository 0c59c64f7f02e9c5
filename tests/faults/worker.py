"""A worker that persists in a loop: ``python -m tests.faults.worker [STEP]``.

With a step it stops there, prints ``at STEP``, and waits to be killed. After each run it prints how much it wrote, or
the service that it could not reach. Then it continues, as Celery does with its next task.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import django
import redis

PAUSE = 0.02  # seconds between two runs

STEPS = ("read", "written", "committed", "trimming")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(step: str) -> None:
    django.setup()
    from django.db import Error, close_old_connections, connection

    from djinsight.history.persist import persist

    if step:
        stop_at(step)
    say("ready")
    while True:
        close_old_connections()
        try:
            drained = persist()
        except (redis.RedisError, Error) as error:
            say(f"failed: {type(error).__name__}: {str(error).splitlines()[0]}")
            connection.close()
        else:
            if drained.entries:
                say(f"wrote {drained.views} views")
        time.sleep(PAUSE)


def stop_at(step: str) -> None:
    """Stop at ``step`` of the first run that has something to write."""
    from djinsight.counting import scripts
    from djinsight.history import persist
    from djinsight.history.stream import Stream

    def stop() -> None:
        say(f"at {step}")
        while True:
            signal.pause()

    def stop_instead(*args: Any) -> int:
        stop()
        return 0

    def behind(function: Callable[..., Any]) -> Callable[..., Any]:
        def stopping(entries: Any, *args: Any) -> None:
            function(entries, *args)
            if entries:
                stop()

        return stopping

    def read(*args: Any) -> Iterator[Any]:
        read = list(after(*args))
        if read:
            stop()
        return iter(read)

    def send_only(client: Any, keys: Any, args: Any) -> int:
        """Send the script without reading its answer."""
        connection = client.connection_pool.get_connection()
        connection.send_command("EVAL", scripts.trim_stream.text, len(keys), *keys, *args)
        stop()
        return 0

    after = Stream.after
    if step == "read":
        Stream.after = read  # type: ignore[method-assign]
    elif step == "written":
        persist.write_views = behind(persist.write_views)
    else:
        # Runs that wrote nothing trim as well, so only the first run that writes arms the stop.
        write_views = persist.write_views

        def write_and_arm(entries: Any, *args: Any) -> None:
            write_views(entries, *args)
            if entries and step == "committed":
                Stream.trim = stop_instead  # type: ignore[method-assign]
            elif entries:
                scripts.trim_stream.call = send_only  # type: ignore[method-assign]

        persist.write_views = write_and_arm  # type: ignore[assignment]


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
