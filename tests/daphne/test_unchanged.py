"""After our server class has served, Daphne, autobahn and Twisted are what they were."""

from __future__ import annotations

import pytest

from tests.daphne.test_serving import OURS, PLAIN
from tests.support.processes import Process


def changed(module: str, classes: list[str]) -> set[str]:
    """Return the attributes that differ after the ``Server`` of ``module`` has served with ``classes``."""
    process = Process("-m", "tests.daphne.unchanged", module)
    process.wait_for("^done$")
    process.stop()
    first, *names, _ = [line for line in process.lines if line]
    assert first.split() == classes
    return set(names)


@pytest.mark.usefixtures("db")
def test_no_attribute_changes() -> None:
    """But those that plain Daphne's server changes, too: a reactor that runs, a log that has begun."""
    assert changed("djinsight.daphne.server", OURS) <= changed("daphne.server", PLAIN)
