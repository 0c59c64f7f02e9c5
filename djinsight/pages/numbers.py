"""Numbers: abbreviate large numbers for people."""

from __future__ import annotations

from typing import Any

_SUFFIXES = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


def abbreviate(value: Any) -> Any:
    """Return a number as a short string, and any other value unchanged.

    Examples: 999 -> ``"999"``, 1234 -> ``"1.2K"``, 999950 -> ``"1.0M"``, 2e9 -> ``"2.0B"``.
    """
    try:
        number = float(value)
        whole = int(number)
    except (TypeError, ValueError, OverflowError):
        return value
    if isinstance(value, bool):
        return value
    for at, suffix in _SUFFIXES:
        # The suffix is chosen after rounding: 999,950 is 1.0M, never 1000.0K.
        if round(abs(number) / (at / 1000), 1) >= 1000 if at > 1000 else abs(number) >= 1000:
            return f"{number / at:.1f}{suffix}"
    return str(whole)
