"""Command line of our server class: ``python -m djinsight.daphne mysite.asgi:application``, with Daphne's options."""

from __future__ import annotations

from djinsight.daphne.server import Server  # first: it installs the reactor

from daphne.cli import CommandLineInterface  # isort:skip


class CommandLine(CommandLineInterface):  # type: ignore[misc]
    """Daphne's command line, for our server class."""

    server_class = Server


if __name__ == "__main__":
    CommandLine.entrypoint()
