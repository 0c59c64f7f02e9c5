"""Middleware: a strict Content-Security-Policy, without inline code and other hosts. Wagtail's admin needs more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

# Wagtail's admin uses style attributes, and shows the preview of a page in a frame.
WAGTAIL_ADMIN = "/cms-admin/"
WAGTAIL_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)


def policy(path: str) -> str:
    return WAGTAIL_POLICY if path.startswith(WAGTAIL_ADMIN) else POLICY


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> object:
    if iscoroutinefunction(get_response):

        async def amiddleware(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            response["Content-Security-Policy"] = policy(request.path)
            return response

        return amiddleware

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy(request.path)
        return response

    return middleware
