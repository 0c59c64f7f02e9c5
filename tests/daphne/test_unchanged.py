"""Unchanged packages: our server class changes no attribute of Daphne, autobahn and Twisted."""

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
    """The only changes are those of plain Daphne, too: the reactor runs, and the log has begun."""
    assert changed("djinsight.daphne.server", OURS) <= changed("daphne.server", PLAIN)
