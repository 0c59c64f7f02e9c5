"""Clients: many open WebSockets, served by one loop of one process."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from benchmarks import cores, wire

AT_ONCE = 64  # handshakes in flight
ANSWER_WITHIN = 30.0  # seconds without anything to read, after which a benchmark fails
_PING = b'{"type":"ping","n":'


class Client:
    """One open socket."""

    __slots__ = ("buffer", "inflate", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""
        self.inflate: Callable[[bytes], bytes] | None = None  # if the server compresses its frames

    def send(self, data: bytes) -> None:
        """Send all of ``data``, and wait if the kernel has no room for it."""
        while data:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                select.select([], [self.sock], [], ANSWER_WITHIN)

    def receive(self) -> list[bytes]:
        """Return the payloads that have arrived, and answer pings of the server and of the application."""
        data = self.sock.recv(262_144)
        if not data:
            raise EOFError("the server closed a connection")
        payloads, pings, self.buffer = wire.read(self.buffer + data if self.buffer else data, self.inflate)
        for ping in pings:
            self.send(wire.pong(ping))
        if payloads and any(payload.startswith(_PING) for payload in payloads):
            payloads = [payload for payload in payloads if not self._is_ping(payload)]
        return payloads

    def _is_ping(self, payload: bytes) -> bool:
        if not payload.startswith(_PING):
            return False
        self.send(wire.text('{"type":"pong","n":' + payload[len(_PING) :].decode()))
        return True


class Clients:
    """Open sockets, and which of them have something to read.

    While they are open, this process takes precedence over others on its core, unless ``first`` is false.
    """

    def __init__(self, *, first: bool = True) -> None:
        self._first: AbstractContextManager[None] = cores.first() if first else nullcontext()
        self._poll = select.epoll()
        self._by_number: dict[int, Client] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def __enter__(self) -> Clients:
        self._first.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._first.__exit__(None, None, None)
        for client in self:
            client.sock.close()
        self._by_number.clear()
        self._poll.close()

    def add(self, client: Client) -> None:
        self._by_number[client.sock.fileno()] = client
        self._poll.register(client.sock.fileno(), select.EPOLLIN)

    def remove(self, client: Client) -> None:
        self._poll.unregister(client.sock.fileno())
        del self._by_number[client.sock.fileno()]

    def ready(self, within: float = ANSWER_WITHIN) -> list[Client]:
        """Return the clients with something to read, none of them after ``within`` seconds."""
        return [self._by_number[number] for number, _ in self._poll.poll(max(within, 0.0), 4096)]

    def drain(self, seconds: float, take: Callable[[Client, list[bytes]], None] | None = None) -> None:
        """Read all that arrives for ``seconds``, and pass it to ``take``."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            for client in self.ready(left):
                payloads = client.receive()
                if take is not None:
                    take(client, payloads)

    def await_each(self, clients: list[Client], begin: bytes) -> None:
        """Wait until each of ``clients`` has received a text frame that begins with ``begin``."""
        missing = set(clients)
        while missing:
            ready = self.ready()
            if not ready:
                raise TimeoutError(f"expected {begin!r} for {len(missing)} sockets but nothing comes")
            for client in ready:
                if any(payload.startswith(begin) for payload in client.receive()):
                    missing.discard(client)

    def open(
        self, port: int, path: str, number: int, visitor: Callable[[int], str], *, deflate: bool = False
    ) -> list[Client]:
        """Open ``number`` sockets on ``path``, ``AT_ONCE`` at a time; with ``deflate`` they offer compression."""
        opened: list[Client] = []
        for start in range(0, number, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, number))
            part = [connect(port, path, visitor(n), deflate=deflate) for n in numbers]
            for client in part:
                accepted(client)
                self.add(client)
            opened += part
        return opened


def connect(port: int, path: str, visitor: str, *, deflate: bool = False) -> Client:
    """Return a client that has sent its handshake."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(wire.handshake(port, path, visitor, deflate=deflate))
    return Client(sock)


def accepted(client: Client) -> None:
    """Read the answer to the handshake, and raise EOFError if it is refused."""
    while b"\r\n\r\n" not in client.buffer:
        data = client.sock.recv(65_536)
        if not data:
            raise EOFError(f"a handshake was refused: {client.buffer[:200]!r}")
        client.buffer += data
    head, _, client.buffer = client.buffer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise EOFError(f"a handshake was refused: {head[:200]!r}")
    if wire.DEFLATE.encode() in head:
        client.inflate = wire.inflater()
    client.sock.setblocking(False)
