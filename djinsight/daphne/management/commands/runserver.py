"""Daphne's ``runserver``, with our server class."""

from __future__ import annotations

from daphne.management.commands import runserver

from djinsight.daphne.server import Server


class Command(runserver.Command):  # type: ignore[misc]
    """Daphne's command; its server class is our own."""

    server_cls = Server
