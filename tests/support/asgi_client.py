"""ASGI client: requests to an ASGI application in this process and event loop, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

from django.http import HttpResponse

from djinsight.routing import HTTPFallback

Headers = list[tuple[bytes, bytes]]


@dataclass
class Exchange:
    """One request and the answer of the application; ``status`` is 0 if there is none."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    received: int = 0  # messages of the body that the application has asked for

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


async def ask(
    application: Any,
    path: str,
    headers: Headers,
    body: Iterable[bytes] = (b"",),
    *,
    method: str = "POST",
    hangs_up: bool = False,
    **scope: Any,
) -> Exchange:
    """Send one request, and return the answer with the names of its headers in lower case.

    Args:
        application: The ASGI application.
        path: The path as on the wire.
        headers: The headers, in lower case as in a scope.
        body: The parts in which the body arrives.
        method: The method.
        hangs_up: True if the client hangs up after these parts, before the end of the body.
        scope: More entries of the scope, or other ones.
    """
    done = Exchange()
    parts = list(body)

    async def receive() -> dict[str, Any]:
        if done.received == len(parts):
            if not hangs_up:
                await asyncio.Event().wait()  # as with a client that waits for the answer
            return {"type": "http.disconnect"}
        part = parts[done.received]
        done.received += 1
        return {"type": "http.request", "body": part, "more_body": hangs_up or done.received < len(parts)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            done.status = message["status"]
            pairs = [(name.lower().decode(), value.decode()) for name, value in message["headers"]]
            done.headers = tuple(sorted(pairs))
        else:
            done.body += message.get("body", b"")

    raw, _, query = path.partition("?")
    whole = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
        **scope,
    }
    await application(whole, receive, send)
    return done


async def unexpected(scope: dict[str, Any], receive: Any, send: Any) -> None:
    raise AssertionError(f"expected HTTPFallback to answer {scope['path']} but it passed the request on")


class FallbackClient:
    """A client like Django's ``AsyncClient`` for an ``HTTPFallback`` that must answer every request itself."""

    def __init__(self, **options: Any) -> None:
        self.application = HTTPFallback(unexpected)
        self.cookies = SimpleCookie()

    async def post(
        self, path: str, data: str | bytes = "", *, content_type: str, headers: dict[str, str], secure: bool = False
    ) -> HttpResponse:
        body = data.encode() if isinstance(data, str) else data
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        sent = {"host": "testserver", "content-type": content_type, "content-length": str(len(body)), **headers}
        sent |= {"cookie": cookies} if cookies else {}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
        done = await ask(self.application, path, pairs, [body], scheme="https" if secure else "http")
        answer = HttpResponse(done.body, status=done.status, content_type=done.header("content-type"))
        for name, value in done.headers:
            if name == "set-cookie":
                self.cookies.load(value)
                answer.cookies.load(value)
            else:
                answer[name] = value
        return answer
