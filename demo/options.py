"""Options: the command line of the demo."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

MAX_SIMULATED = 1000  # views a second
MAX_HISTORY = 365  # days
MAX_PORT = 65535


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    data: Path
    simulate: int
    history: int
    redis: str | None
    server: str
    limits: bool
    cms: bool

    @property
    def address(self) -> str:
        """``host:port`` as a browser on this machine writes it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"[{host}]:{self.port}" if ":" in host and not host.startswith("[") else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/"


def parse(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="A site with live numbers, with everything it needs to run."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=_whole(1, MAX_PORT), default=8000, help="the port to listen on (%(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(__file__).parent / ".data",
        metavar="DIR",
        help="where the database and Redis's append-only file are kept (demo/.data)",
    )
    parser.add_argument(
        "--simulate", type=_whole(0, MAX_SIMULATED), default=0, metavar="N", help="N views a second by visitors"
    )
    parser.add_argument(
        "--history",
        type=_whole(0, MAX_HISTORY),
        default=0,
        metavar="DAYS",
        help="at the first start, invent the views of the past DAYS days, so that the charts have a past",
    )
    parser.add_argument("--redis", metavar="URL", help="a Redis to use instead of a private one")
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne", help="(%(default)s)")
    parser.add_argument(
        "--no-limits", action="store_false", dest="limits", help="no rate limits, for load tests of this machine"
    )
    parser.add_argument("--cms", action="store_true", help="add a blog in Wagtail (pip install -e '.[wagtail]')")
    return Options(**vars(parser.parse_args(arguments)))


def _whole(low: int, high: int) -> type[int]:
    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high} but got {text}")
        return number

    read.__name__ = "whole number"
    return read  # type: ignore[return-value]
