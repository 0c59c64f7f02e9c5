"""Daphne reads in turns where the site's asgi.py says so: a flood from one client is taken in small parts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from twisted.internet import tcp

from djinsight.live.daphne import READ, read_in_turns
from tests.processes import ROOT


def test_read_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp.Connection, "bufferSize", 65_536)
    read_in_turns()
    assert tcp.Connection.bufferSize == READ <= 4096


@pytest.mark.parametrize("path", ["asgi_example.py", "tests/asgi.py"])
def test_the_example_does(path: str) -> None:
    assert "\nread_in_turns()\n" in Path(ROOT, path).read_text(encoding="utf-8")


def test_of_this_process() -> None:
    """The tests' own application has called it."""
    import_module("tests.asgi")
    assert tcp.Connection.bufferSize == READ
