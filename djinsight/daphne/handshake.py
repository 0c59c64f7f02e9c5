"""Handshake: read the opening handshake that browsers send, and leave every other one to autobahn."""

from __future__ import annotations

import re
from typing import NamedTuple

# One header a line, with nothing but printable ASCII in it. A path has no fragment, no parameters and no host.
_REQUEST = re.compile(rb"(GET (/(?!/)[!\"$-:<-~]*) HTTP/1\.1)\r\n((?:[A-Za-z0-9-]+: [ -~]*\r\n)+)\r\n")
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,4})?")  # the longer ports may be out of range
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # RFC 6455, 4.1
_BYTES_AT_MOST = 16_384  # of a handshake that is read here


class Opening(NamedTuple):
    """A valid opening handshake of WebSocket version 13 without a subprotocol.

    Attributes:
        size: The number of bytes that it takes.
        status_line: The request line.
        headers: The headers by their names in lower case.
        uri: The path with its query.
        host: The header Host without a port.
        key: The header Sec-WebSocket-Key.
    """

    size: int
    status_line: str
    headers: dict[str, str]
    uri: str
    host: str
    key: str


def read(data: bytes) -> Opening | None:
    """Return the handshake at the beginning of ``data``, or None if autobahn must read, answer or refuse it."""
    request = _REQUEST.match(data, 0, _BYTES_AT_MOST)
    if request is None:
        return None
    line, uri, listed = (part.decode("ascii") for part in request.groups())
    pairs = [each.split(": ", 1) for each in listed.splitlines()]
    headers = {name.lower(): value.strip() for name, value in pairs}
    host = _HOST.fullmatch(headers.get("host", ""))
    key = headers.get("sec-websocket-key", "")
    if (
        len(headers) != len(pairs)  # a header is repeated
        or host is None
        or "sec-websocket-protocol" in headers
        or headers.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in map(str.strip, headers.get("connection", "").lower().split(","))
        or headers.get("sec-websocket-version") != "13"
        or _KEY.fullmatch(key) is None
        or ("origin" in headers and _ORIGIN.fullmatch(headers["origin"]) is None)
    ):
        return None
    return Opening(request.end(), line, headers, uri, host[1], key)
