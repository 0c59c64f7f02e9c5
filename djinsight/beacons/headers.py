"""Headers: those of an ASGI scope, as text."""

from __future__ import annotations

from collections.abc import Iterable


def read(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header values by lower-case name; repeated ones joined as HTTP says (RFC 9110, 5.3; cookies RFC 9113, 8.2.3).

    Names with an underscore are left out: in a request's META they would pass for the ones with a hyphen.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if "_" in name:
            continue
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers
