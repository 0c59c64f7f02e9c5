"""HTTP fallback: ASGI middleware that answers the HTTP fallback before Django and the site's middleware."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import get_script_prefix
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.utils.http import http_date

from djinsight import views
from djinsight.beacons import ids
from djinsight.beacons.handshakes import Head
from djinsight.counting import states
from djinsight.exceptions import Reason, Rejected
from djinsight.live import answers
from djinsight.live.answers import Answer, Read
from djinsight.pages import fallback

logger = logging.getLogger("djinsight.live")

BODY_WITHIN = 30.0  # seconds in which a body must have arrived

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Decide = Callable[[HttpRequest, Read], Awaitable[Answer]]

# By the views that Django would call.
_ANSWERS: dict[Any, Decide] = {
    views.record_page_view: answers.to_view,
    views.get_page_stats: answers.to_tokens,
}


class HTTPFallback:
    """Answers the POST requests of the HTTP fallback, and passes everything else on to ``application``.

    The answers are those of the views in ``djinsight.urls``, but no middleware of the site runs for them. A request is
    passed on if Django would not call those very views for its path.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self._resolver: URLResolver | None = None  # of which ``_decides`` is
        self._decides: dict[str, Decide] = {}  # by paths below the script name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of the HTTP fallback, and pass everything else on."""
        # Other methods go to Django, so that middleware of the site may answer them, as for CORS.
        if scope["type"] == "http" and scope["method"] == "POST":
            decide = self._decision(scope)
            if decide is not None:
                head = Head(scope)
                if not settings.SECURE_SSL_REDIRECT or head.is_secure():  # else Django redirects
                    await _respond(decide, head, receive, send)
                    return
        await self.application(scope, receive, send)

    def _decision(self, scope: Scope) -> Decide | None:
        try:
            resolver = get_resolver()  # Django makes a new one if the URLs change
            if resolver is not self._resolver:
                found = {path: _ANSWERS[view] for path, view in fallback.views().items() if view in _ANSWERS}
                self._resolver, self._decides = resolver, found
        except Exception:  # the modules of the site's URLs may raise anything, which Django's handler then reports
            return None
        return self._decides.get(scope["path"].removeprefix(get_script_prefix(scope)))


class _ClientGone(Exception):
    """The client hung up before its body had arrived."""


async def _respond(decide: Decide, head: Head, receive: Receive, send: Send) -> None:
    try:
        answer = await decide(head, partial(_read, receive))
        headers = _headers(answer, head)
    except _ClientGone:
        return
    except Exception:
        text = "A request was not answered because of a bug, and browsers retry. The traceback tells why."
        states.failing(logger, "the HTTP fallback, by a fault", text, level=logging.ERROR, exc_info=True)
        answer = answers.refusing(Rejected(Reason.UNAVAILABLE))
        headers = _headers(answer, head)
    body = answer.frame.encode()
    headers.append((b"content-length", b"%d" % len(body)))  # else servers send the body in chunks
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        pass  # the client is gone, which ASGI servers may report so


async def _read(receive: Receive, size: int) -> bytes:
    """Return the body, or as much of it as has at least ``size`` bytes.

    Raises:
        Rejected: It has not arrived in ``BODY_WITHIN``.
        _ClientGone: The client hung up.
    """
    try:
        async with asyncio.timeout(BODY_WITHIN):
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body"):
                body = bytearray(body)
            while message["type"] == "http.request":
                if len(body) >= size or not message.get("more_body"):
                    return bytes(body)
                message = await receive()
                body += message.get("body", b"")
    except TimeoutError:
        raise Rejected(Reason.MALFORMED) from None
    raise _ClientGone


def _headers(answer: Answer, head: Head) -> list[tuple[bytes, bytes]]:
    """Return the headers that Django's views send."""
    now = int(time.time())
    headers = [
        (b"content-type", b"application/json"),
        (b"expires", _date(now)),
        (b"cache-control", b"max-age=0, no-cache, no-store, must-revalidate, private"),
    ]
    if answer.issued:
        expires, secure = _date(now + ids.MAX_AGE).decode(), "; Secure" if head.is_secure() else ""
        cookie = f"{ids.COOKIE_NAME}={answer.issued}; expires={expires}; Max-Age={ids.MAX_AGE}; Path=/; SameSite=Lax"
        headers.append((b"set-cookie", f"{cookie}{secure}".encode()))
    return headers


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    return http_date(seconds).encode()
