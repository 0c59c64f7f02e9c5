"""A raw WebSocket client that follows no protocol rules: a test decides every write and every read."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from tests.support.sockets import BROWSER

HANDSHAKE = (
    "GET /ws/djinsight/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUser-Agent: {agent}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def text_frame(payload: bytes) -> bytes:
    """Return a text frame of less than 64 KiB as a client sends it, masked with zeros."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return b"\x81" + length + b"\0\0\0\0" + payload


class Raw:
    """One blocking connection, for use in a thread."""

    def __init__(self, host: str, *, receive_buffer: int = 0) -> None:
        self.connection = socket.socket()
        if receive_buffer:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.settimeout(20)
        address, _, port = host.rpartition(":")
        self.connection.connect((address, int(port)))
        self._buffer = b""

    def handshake(self, host: str) -> None:
        self.connection.sendall(HANDSHAKE.format(host=host, agent=BROWSER).encode())
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame. Raises ConnectionError if the server hung up."""
        first, second = self._take(2)
        length = second
        if second == 126:
            (length,) = struct.unpack(">H", self._take(2))
        elif second == 127:
            (length,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(length)

    def closed(self) -> int:
        """Read on until the server closes, and return its code."""
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                return int(struct.unpack(">H", payload[:2])[0])

    def close(self) -> None:
        self.connection.close()

    def _take(self, number: int) -> bytes:
        while len(self._buffer) < number:
            self._more()
        taken, self._buffer = self._buffer[:number], self._buffer[number:]
        return taken

    def _more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise ConnectionError("the server hung up")
        self._buffer += data


def memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
