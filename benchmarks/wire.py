"""Wire: WebSocket frames and HTTP requests of clients as bytes, made before they are needed.

The load uses plain sockets, as a WebSocket library for Python is slower than the servers that are measured.
"""

from __future__ import annotations

import json
import secrets
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA
COMPRESSED = 0x40
DEFLATE = "permessage-deflate"


def handshake(port: int, path: str, visitor: str, *, deflate: bool = False) -> bytes:
    """Return the request that opens a socket, as a browser with a session sends it.

    With ``deflate`` it offers compression, as all browsers do. Frames of the client may be plain then, too.
    """
    host = f"127.0.0.1:{port}"
    offer = f"Sec-WebSocket-Extensions: {DEFLATE}; client_max_window_bits\r\n" if deflate else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {b64encode(secrets.token_bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n{offer}"
        f"Origin: http://{host}\r\nUser-Agent: {BROWSER}\r\nCookie: sessionid={visitor}\r\n\r\n"
    ).encode()


def post(port: int, path: str, body: str, visitor: str, **headers: str) -> bytes:
    """Return a POST request, as a browser with a session sends it.

    Args:
        port: The port of the server.
        path: The path.
        body: The body.
        visitor: The session key.
        headers: More headers, with an underscore for each hyphen; a ``Cookie`` is added to that of the session.
    """
    host = f"127.0.0.1:{port}"
    cookie = "; ".join(filter(None, (f"sessionid={visitor}", headers.pop("Cookie", ""))))
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {BROWSER}\r\nOrigin: http://{host}\r\n"
        f"Accept: */*\r\nCookie: {cookie}\r\n{more}Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def text(payload: str | dict[str, Any]) -> bytes:
    """Return a masked text frame."""
    return _frame(TEXT, (json.dumps(payload, separators=(",", ":")) if isinstance(payload, dict) else payload).encode())


def pong(payload: bytes) -> bytes:
    """Return the frame that answers a ping of the server."""
    return _frame(PONG, payload)


def close() -> bytes:
    """Return the frame that closes a socket, as a browser sends it when a page ends."""
    return _frame(CLOSE, (1001).to_bytes(2, "big"))


def _frame(kind: int, data: bytes) -> bytes:
    mask = secrets.token_bytes(4)
    length = len(data)
    head = (
        bytes((0x80 | kind, 0x80 | length)) if length < 126 else bytes((0x80 | kind, 0xFE)) + length.to_bytes(2, "big")
    )
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return head + mask + (int.from_bytes(data, "big") ^ key).to_bytes(length, "big")


def inflater() -> Callable[[bytes], bytes]:
    """Return a function that decompresses the frames of one server's socket, each with the window of those before."""
    window = zlib.decompressobj(-zlib.MAX_WBITS)
    return lambda payload: window.decompress(payload + b"\0\0\xff\xff")


def read(buffer: bytes, inflate: Callable[[bytes], bytes] | None = None) -> tuple[list[bytes], list[bytes], bytes]:
    """Return the payloads of text frames and of pings in ``buffer``, and the rest of it.

    Args:
        buffer: The bytes that have arrived.
        inflate: The function that decompresses a frame, if compression was agreed on.

    Raises:
        EOFError: If there is a close frame.
        ValueError: If a frame has 64 KiB or more.
    """
    payloads: list[bytes] = []
    pings: list[bytes] = []
    at, end = 0, len(buffer)
    while end - at >= 2:
        length = buffer[at + 1] & 0x7F
        begin = at + 2
        if length == 126:
            if end - at < 4:
                break
            length = buffer[at + 2] << 8 | buffer[at + 3]
            begin = at + 4
        elif length == 127:
            raise ValueError("expected a frame of less than 64 KiB")
        if end - begin < length:
            break
        kind, compressed = buffer[at] & 0x0F, buffer[at] & COMPRESSED
        at = begin + length
        if kind == TEXT:
            payloads.append(inflate(buffer[begin:at]) if inflate and compressed else buffer[begin:at])
        elif kind == PING:
            pings.append(buffer[begin:at])
        elif kind == CLOSE:
            raise EOFError(f"the server closed a socket: {buffer[begin:at]!r}")
    return payloads, pings, buffer[at:]
