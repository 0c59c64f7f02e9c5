"""Posts: HTTP requests on connections that stay open, with one in flight on each."""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Callable, Iterable

from benchmarks.clients import ANSWER_WITHIN, Client, Clients

CONNECTIONS = 16
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding: *chunked", re.IGNORECASE | re.MULTILINE)
_CLOSE = re.compile(rb"^connection: *close", re.IGNORECASE | re.MULTILINE)


class Posts:
    """Open connections to one server, which are opened again if it closes them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients = Clients()

    def __enter__(self) -> Posts:
        self._clients.__enter__()
        for _ in range(CONNECTIONS):
            self._connect()
        return self

    def __exit__(self, *error: object) -> None:
        self._clients.__exit__(*error)

    def finish(self, requests: Iterable[bytes], expected: bytes, take: Callable[[bytes], None] | None = None) -> None:
        """Send ``requests``, and wait for the answers of all.

        Args:
            requests: The requests, whole.
            expected: Bytes that are in each answer.
            take: Gets each answer.

        Raises:
            EOFError: The server closes a connection before it has answered.
            RuntimeError: An answer lacks what is expected.
            TimeoutError: No answer comes.
        """
        waiting = deque(requests)
        idle, asked = list(self._clients), set[Client]()
        while waiting or asked:
            while waiting and idle:
                client = idle.pop()
                client.send(waiting.popleft())
                asked.add(client)
            ready = self._clients.ready()
            if not ready:
                raise TimeoutError(f"expected {len(asked)} answers but nothing comes")
            for client in ready:
                data = client.sock.recv(65_536)
                client.buffer += data
                if client in asked:
                    if not _is_whole(client.buffer, ended=not data):
                        continue
                    if expected not in client.buffer:
                        raise RuntimeError(f"expected {expected!r} but got {client.buffer!r}")
                    if take is not None:
                        take(client.buffer)
                    asked.remove(client)
                    idle.append(client)
                if not data or _CLOSE.search(client.buffer):
                    idle.remove(client)
                    self._clients.remove(client)
                    client.sock.close()
                    idle.append(self._connect())
                client.buffer = b""

    def _connect(self) -> Client:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=ANSWER_WITHIN)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        client = Client(sock)
        self._clients.add(client)
        return client


def _is_whole(answer: bytes, *, ended: bool) -> bool:
    """Return whether this is a whole answer; raise EOFError if it is not and the server has ``ended`` it."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is not None:
        whole = len(body) >= int(length[1])
    elif _CHUNKED.search(head):
        whole = body.endswith(b"0\r\n\r\n")
    else:
        whole = ended or head.startswith(b"HTTP/1.1 204")
    if ended and not (found and whole):
        raise EOFError(f"expected an answer but the server closed the connection after {answer!r}")
    return bool(found) and whole
