"""Serve sockets and an upload in this process, and print which attributes of Daphne, autobahn and Twisted it changed.

Run it as ``python -m tests.daphne.unchanged MODULE``, with a ``MODULE`` that has the class ``Server``. It prints a name
on each line, then "done".
"""

from __future__ import annotations

import asyncio
import sys
import threading
from importlib import import_module
from types import ModuleType
from typing import Any

PACKAGES = ("daphne", "autobahn", "twisted", "txaio")
ZOPE = ("__implemented__", "__provides__", "__providedBy__")  # zope.interface adds them at its first use

Attributes = dict[str, Any]


def attributes() -> Attributes:
    """Return the attributes of each module and class of the packages, by dotted name."""
    found: Attributes = {}
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] not in PACKAGES:
            continue
        for key, value in vars(module).items():
            if isinstance(value, ModuleType):
                continue  # the import of a submodule sets this attribute
            found[f"{name}.{key}"] = value
            if isinstance(value, type) and value.__module__ == name:
                found.update({f"{name}.{key}.{each}": what for each, what in vars(value).items() if each not in ZOPE})
    return found


def main(module: str) -> None:
    # Plain Daphne, and the modules that it loads when it listens, are loaded before the attributes are read first.
    from daphne.server import reactor
    from twisted.internet import endpoints, tcp, unix  # noqa: F401
    from twisted.protocols import tls  # noqa: F401

    endpoints.serverFromString(reactor, "tcp:0")
    before = attributes()
    Server = import_module(module).Server

    from tests.daphne.conftest import Server as Where
    from tests.daphne.conftest import classes
    from tests.daphne.echo import application
    from tests.daphne.test_serving import uploaded

    server = Server(application, endpoints=["tcp:0:interface=127.0.0.1"], signal_handlers=False)

    async def visit() -> None:
        where = Where(None, server.listening_addresses[0][1])  # type: ignore[arg-type]
        async with where.connect() as socket:
            print(*await classes(socket))
            for text in ("a", "ü", "a" * 5000):
                await socket.send(text)
                assert await socket.recv() == text
        await uploaded(where)

    def client() -> None:
        try:
            asyncio.run(visit())
        finally:
            reactor.callFromThread(server.stop)

    thread = threading.Thread(target=client)
    server.ready_callable = thread.start
    server.run()
    thread.join()
    after = attributes()
    for name in before.keys() | after.keys():
        module_name = next(each for each in sorted(sys.modules, key=len, reverse=True) if name.startswith(f"{each}."))
        known = f"{module_name}.__name__" in before
        if known and before.get(name, before) is not after.get(name, after):
            print(name)
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
