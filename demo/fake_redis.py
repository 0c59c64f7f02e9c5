"""Fake Redis: ``python -m demo.fake_redis PORT`` runs fakeredis's server, on machines that have no other."""

from __future__ import annotations

import sys
from typing import Any

import redis
from fakeredis import TcpFakeServer


def main() -> None:
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis")
    server.daemon_threads = True
    server.RequestHandlerClass = _surviving_errors(server.RequestHandlerClass)
    server.serve_forever()


def _surviving_errors(handler: Any) -> Any:
    """Return a handler that continues after an error reply, as Redis does; fakeredis's closes the connection."""

    class Handler(handler):  # type: ignore[misc]
        def setup(self) -> None:
            super().setup()
            read = self.current_client.read_response

            def read_response(*args: Any, **options: Any) -> Any:
                try:
                    return read(*args, **options)
                except redis.ResponseError as error:
                    return error

            self.current_client.read_response = read_response

    return Handler


if __name__ == "__main__":
    main()
