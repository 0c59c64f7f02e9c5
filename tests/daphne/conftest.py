"""Fixtures: servers of ``tests.daphne.echo``, each a process of its own."""

from __future__ import annotations

import datetime
import ssl
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect

from tests.support.processes import Process

ECHO = "tests.daphne.echo:application"


class Server(NamedTuple):
    """A server that listens, and its address: a port of 127.0.0.1, or the path of a UNIX socket."""

    process: Process
    port: int
    path: str = ""
    tls: ssl.SSLContext | None = None

    def connect(self, path: str = "/echo", **options: Any) -> connect:
        """Open a socket: ``async with server.connect() as socket``."""
        uri = f"{'wss' if self.tls else 'ws'}://localhost:{self.port}{path}"
        if self.path:
            options |= {"unix": True, "path": self.path}
        else:
            options |= {"host": "127.0.0.1"}
        return connect(uri, ssl=self.tls, proxy=None, max_size=None, compression=None, **options)


@pytest.fixture
def serve(db: None) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server: ``serve("-v", "2")``.

    It serves with our server class on a free port, or with ``module="daphne"`` as plain Daphne.
    """
    started: list[Process] = []

    def start(
        *options: str,
        module: str = "djinsight.daphne",
        endpoint: str = "tcp:0:interface=127.0.0.1",
        tls: ssl.SSLContext | None = None,
        **environment: str,
    ) -> Server:
        path = endpoint.removeprefix("unix:") if endpoint.startswith("unix:") else ""
        process = Process("-m", module, "-e", endpoint, *options, ECHO, **environment)
        started.append(process)
        if path:
            while not Path(path).exists() and process.popen.poll() is None:
                time.sleep(0.01)
            return Server(process, 0, path)
        port = process.wait_for(r"Listening on TCP address 127\.0\.0\.1:(\d+)")[1]
        return Server(process, int(port), tls=tls)

    yield start
    for process in started:
        process.stop()


@pytest.fixture(params=["tcp", "tls"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Server], tmp_path: Path) -> Server:
    """Return a server of our class, without TLS and with TLS."""
    if request.param == "tcp":
        return serve()
    key, certificate = certify(tmp_path)
    context = ssl.create_default_context(cafile=certificate)
    return serve(endpoint=f"ssl:0:privateKey={key}:certKey={certificate}:interface=127.0.0.1", tls=context)


def certify(directory: Path) -> tuple[Path, Path]:
    """Make a key and a self-signed certificate of localhost and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "key.pem", directory / "certificate.pem"
    form = serialization.PrivateFormat.PKCS8
    paths[0].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


async def classes(socket: ClientConnection) -> list[str]:
    """Return the names of the classes that serve ``socket``: server, protocol and transport."""
    await socket.send("classes")
    return str(await socket.recv()).split()
