"""Versions of Daphne, autobahn and Twisted that the server class is tested with."""

from __future__ import annotations

from importlib.metadata import version

from django.utils.version import get_version_tuple

# From the first version up to, and without, the second one. The first ones are also the lower bounds in pyproject.toml.
TESTED = {
    "daphne": ("4.2.2", "4.3"),
    "autobahn": ("22.4.2", "27"),
    "twisted": ("24.3", "27"),
}


def untested() -> list[str]:
    """Return the installed packages outside of their tested range, as "twisted 27.1 (tested: 24.3 to below 27)"."""
    return [
        f"{name} {installed} (tested: {first} to below {end})"
        for name, (first, end) in TESTED.items()
        if not get_version_tuple(first) <= get_version_tuple(installed := version(name)) < get_version_tuple(end)
    ]
