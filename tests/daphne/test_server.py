"""Server class: it sets classes on its own factory and ports, and checks its connections each second."""

from __future__ import annotations

import gc
import tomllib
from concurrent.futures import Future
from contextlib import suppress
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import daphne.server
import pytest
from daphne.checks import check_daphne_installed
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.test import override_settings
from twisted.internet import tcp
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor

from djinsight.daphne import versions
from djinsight.daphne.__main__ import CommandLine
from djinsight.daphne.server import Server
from djinsight.daphne.transport import Transport
from djinsight.daphne.websocket import ShortTextProtocol
from djinsight.live import hub, sockets
from tests.support.processes import ROOT


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server with connections whose applications run, on a clock that does not move."""
    monkeypatch.setattr(daphne.server, "reactor", Clock())
    server = Server(None, endpoints=["tcp:0"])
    server.connections = {object(): {"connected": 0.0, "application_instance": Future()} for _ in range(5000)}
    server.ws_factory = WebSocketFactory(server)
    return server


@pytest.fixture
def port() -> tcp.Port:
    """Return a port with an address that no client connects to."""
    port = tcp.Port(0, Factory(), reactor=MemoryReactor())
    port.getHost = lambda: SimpleNamespace()  # type: ignore[assignment, method-assign]
    return port


def test_listens_with_our_classes(server: Server, port: tcp.Port) -> None:
    server.listen_success(port)
    assert server.ws_factory.protocol is ShortTextProtocol
    assert issubclass(port.transport, Transport)
    assert WebSocketFactory.protocol is WebSocketProtocol
    assert tcp.Port.transport is tcp.Server


def test_a_protocol_of_a_subclass_stays(server: Server, port: tcp.Port) -> None:
    class Mine(WebSocketProtocol):  # type: ignore[misc]
        pass

    server.ws_factory.protocol = Mine
    server.listen_success(port)
    assert server.ws_factory.protocol is Mine


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("kind", [Server, daphne.server.Server])
def test_looks_through_its_connections_without_the_collector(server: Server, kind: type[Server], enabled: bool) -> None:
    """Daphne lists them each second. The list would be promoted, and soon cause a collection of the whole heap."""
    runs: list[str] = []

    def collected(phase: str, info: dict[str, int]) -> None:
        runs.append(phase)

    if not enabled:
        gc.disable()
    gc.callbacks.append(collected)
    try:
        kind.application_checker(server)
        assert bool(runs) is (enabled and kind is not Server)
        assert gc.isenabled() is enabled
    finally:
        gc.callbacks.remove(collected)
        gc.enable()
    (again,) = daphne.server.reactor.getDelayedCalls()
    assert again.getTime() == 1.0


def test_takes_away_what_is_over(server: Server) -> None:
    over, cancelled, *_ = server.connections.values()
    over["application_instance"].set_result(None)
    over["disconnected"] = 1.0
    cancelled["application_instance"].cancel()
    server.application_checker()
    assert len(server.connections) == 4999
    assert "application_instance" not in cancelled


def test_collects_again_after_an_error(server: Server) -> None:
    server.connections = None
    with pytest.raises(AttributeError):
        server.application_checker()
    assert gc.isenabled()


def test_cancels_applications_although_a_connection_has_none(server: Server) -> None:
    """A request that has become a WebSocket stays in the list for a second, without an application."""
    server.connections = {object(): {"application_instance": Future()} for _ in range(2)}
    applications = [details["application_instance"] for details in server.connections.values()]
    server.connections[object()] = {"connected": 0.0, "disconnected": 1.0}
    before = dict(server.connections)
    with suppress(TypeError):  # the applications of this test are no futures of asyncio's
        server.kill_all_applications()
    assert all(application.cancelled() for application in applications)
    assert server.connections == before


def test_daphne_need_not_ping() -> None:
    """A page that answers our pings is never silent for as long as Daphne waits before its own ping."""
    waits = signature(Server).parameters["ping_interval"].default
    assert waits > sockets.PING_EVERY + hub.BEAT_EVERY


def test_installed_versions_are_tested() -> None:
    assert versions.untested() == []


@pytest.mark.parametrize("name", versions.TESTED)
@pytest.mark.parametrize(
    ("which", "tested"),
    [("before", False), ("first", True), ("end", False), ("end with a suffix", False), ("after", False)],
)
def test_a_range_of_versions(name: str, which: str, tested: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, end = versions.TESTED[name]
    installed = {
        "before": "4.2.1" if name == "daphne" else "22.1",
        "first": first,
        "end": end,
        "end with a suffix": f"{end}.0rc1",
        "after": "100.1",
    }[which]
    monkeypatch.setattr(versions, "version", lambda asked: installed if asked == name else version(asked))
    text = f"{name} {installed} (tested: {first} to below {end})"
    assert versions.untested() == ([] if tested else [text])


def test_the_lower_bounds_are_those_of_the_package() -> None:
    """So a test run with the lowest versions uses the first tested versions."""
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(line.lower().split(">=") for line in project["dependencies"] if ">=" in line and "," not in line)
    assert {name: bounds[name] for name in versions.TESTED} == {
        name: first for name, (first, _) in versions.TESTED.items()
    }


def test_the_docs_have_the_ranges() -> None:
    page = Path(ROOT, "docs", "reference", "server.md").read_text(encoding="utf-8")
    assert [row for row in page.splitlines() if row.startswith("| ") and row[2:].split()[0] in versions.TESTED] == [
        f"| {name} | {first} | {end} |" for name, (first, end) in versions.TESTED.items()
    ]


def test_the_command_line_has_the_options_of_daphne() -> None:
    def options(line: Any) -> set[str]:
        return {name for action in line.parser._actions for name in action.option_strings or [action.dest]}

    assert CommandLine.server_class is Server
    assert CommandLineInterface.server_class is daphne.server.Server
    assert options(CommandLine()) == options(CommandLineInterface())


def test_runserver_is_daphnes_unless_the_site_asks() -> None:
    assert get_commands()["runserver"] == "daphne"
    assert load_command_class("djinsight.daphne", "runserver").server_cls is Server
    assert load_command_class("daphne", "runserver").server_cls is daphne.server.Server


@pytest.mark.parametrize("first", [True, False])
def test_the_app_is_checked_as_daphnes(first: bool) -> None:
    """The app must be listed before the static files, whose ``runserver`` would be used otherwise."""
    others = ["django.contrib.contenttypes", "django.contrib.staticfiles"]
    with override_settings(INSTALLED_APPS=["djinsight.daphne", *others] if first else [*others, "djinsight.daphne"]):
        assert apps.is_installed("djinsight.daphne")
        assert [error.id for error in check_daphne_installed(None)] == ([] if first else ["daphne.E001"])
