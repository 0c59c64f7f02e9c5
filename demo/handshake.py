"""Handshake: try if a page can open its socket, without a WebSocket library, which would take 5 MiB."""

from __future__ import annotations

import os
import socket
from base64 import b64encode

WITHIN = 5.0  # seconds
MAX_HEAD = 16384  # bytes of the answer's head
CLOSE = b"\x88\x80\0\0\0\0"  # a masked frame without a reason


def opens(address: str, path: str, origin: str) -> bool:
    """Return whether the server at ``address`` (``host:port``) opens the WebSocket ``path`` for pages of ``origin``."""
    host, _, port = address.rpartition(":")
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
        f"Origin: {origin}\r\n\r\n"
    )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=WITHIN) as client:
            client.sendall(head.encode())
            answer = b""
            while b"\r\n\r\n" not in answer and len(answer) < MAX_HEAD and (data := client.recv(4096)):
                answer += data
            opened = answer.startswith(b"HTTP/1.1 101 ")
            if opened:
                client.sendall(CLOSE)
    except OSError:
        return False
    return opened
