"""Stack: the memory and the processor time of all processes of the demo, from its supervisor to its Redis."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import cores, medians, processes, views, wire
from benchmarks.clients import Client, Clients
from benchmarks.figure import Figure
from benchmarks.run import SOCKET_PATH, Run
from demo.simulate import find_pages

MOST = 150  # MiB
RATE = 100  # views a second
SOCKETS = 50
PERSISTED_WITHIN = 4.0  # seconds after the last view; the demo persists every 3 s
STOPS_WITHIN = 60.0  # seconds
KINDS = {
    "redis-server": "Redis",
    "valkey-server": "Redis",
    "demo.worker": "worker and beat",
    "djinsight.daphne": "server",
}
ByKind = dict[str, float]  # a number for each kind of process
_TICKS = os.sysconf("SC_CLK_TCK")


def stack(run: Run) -> list[Figure]:
    """Measure the idle demo, and the demo with views."""
    calm, held, loaded = run.size(10, 0), run.size(30, 1), run.size(20, 1)
    port = processes.free_port()
    memory: list[ByKind] = []
    idle, view = ByKind(), ByKind()
    for _ in range(run.rounds):
        with _demo(run, port) as pid:
            time.sleep(calm)
            memory.append(_by_kind(pid, _pss))
            if len(memory) == run.rounds:
                idle = _idle(pid, held)
                view = _view(port, pid, loaded, idle)
    whole = medians.middle([sum(each.values()) for each in memory])
    name = "the demo's whole stack"
    return [
        Figure(
            f"memory of {name}, idle", "", whole, "MiB", most=MOST,
            samples={f"{kind} MiB": [each[kind] for each in memory] for kind in memory[0]},
            note=f"PSS, {calm} s after it is ready",
        ),
        Figure(
            f"processor time of {name}, idle", "one core", 100 * sum(idle.values()), "%",
            samples={f"{kind} %": [100 * value] for kind, value in idle.items()}, note=f"over {held} s",
        ),
        Figure(
            f"processor time of {name}, a view", "", 1e6 * sum(view.values()), "us",
            samples={f"{kind} us": [1e6 * value] for kind, value in view.items()},
            note=f"{RATE} views a second for {loaded} s, until they are in the database, less the idle stack's",
        ),
    ]  # fmt: skip


@contextmanager
def _demo(run: Run, port: int) -> Iterator[int]:
    """Run the demo on the server's core within the block, which gets the id of its first process."""
    # A user's Python keeps the bytecode, and compiling takes memory.
    left_out = {"REDIS_URL", "DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE"}
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--port", str(port), "--data", str(run.data / "demo")],
            cwd=processes.ROOT,
            env={name: value for name, value in os.environ.items() if name not in left_out},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: cores.pin(cores.SERVER),
        )
    assert process.stdout is not None
    with process:
        try:
            if not any(line.startswith("ready ") for line in process.stdout):
                raise RuntimeError(f"the demo does not start:\n{run.log.read_text(errors='replace')[-2000:]}")
            yield process.pid
        finally:
            process.terminate()
            process.wait(STOPS_WITHIN)


def _tree(pid: int) -> list[int]:
    """Return the ids of a process and of its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _by_kind(pid: int, measure: Callable[[int], float]) -> ByKind:
    """Return the sum of ``measure`` for each kind of process, of the demo whose first process is ``pid``."""
    found = {"supervisor": measure(pid)}
    for each in _tree(pid)[1:]:
        command = Path(f"/proc/{each}/cmdline").read_text()
        kind = next(kind for name, kind in KINDS.items() if name in command)
        found[kind] = found.get(kind, 0.0) + measure(each)
    return found


def _pss(pid: int) -> float:
    """Return the proportional set size of a process, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _used(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _idle(pid: int, seconds: float) -> ByKind:
    """Return the share of a core that each kind of process uses."""
    before, began = _by_kind(pid, _used), time.perf_counter()
    time.sleep(seconds)
    after, took = _by_kind(pid, _used), time.perf_counter() - began
    return {kind: (after[kind] - before[kind]) / took for kind in before}


def _view(port: int, pid: int, seconds: float, idle: ByKind) -> ByKind:
    """Return the seconds of processor time that a view takes, beyond the shares ``idle`` of a core."""
    pages = find_pages(f"http://127.0.0.1:{port}/")
    counted = [0]

    def take(client: Client, payloads: list[bytes]) -> None:
        counted[0] += sum(payload.startswith(b'{"type":"counted"') for payload in payloads)

    sent = round(RATE * seconds)
    with Clients() as clients:
        opened = clients.open(port, SOCKET_PATH, SOCKETS, views.visitor)
        before, began = _by_kind(pid, _used), time.perf_counter()
        for number in range(sent):
            page = pages[number % len(pages)]
            view = {"type": "view", "id": secrets.token_urlsafe(16), "token": page.token, "url": page.path}
            opened[number % SOCKETS].send(wire.text({**view, "referrer": views.REFERRER}))
            clients.drain(began + (number + 1) / RATE - time.perf_counter(), take)
        clients.drain(PERSISTED_WITHIN, take)
        after, took = _by_kind(pid, _used), time.perf_counter() - began
    if counted[0] != sent:
        raise RuntimeError(f"expected {sent} counted views but got {counted[0]}")
    return {kind: (after[kind] - before[kind] - idle[kind] * took) / sent for kind in before}
