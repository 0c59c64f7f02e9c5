"""Views: the HTTP fallback, for beacons and counters of clients whose sockets do not work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from djinsight.beacons import ids
from djinsight.live import answers, hub
from djinsight.live.answers import Answer, Read

_View = TypeVar("_View", bound=Callable[..., Any])


def _in_no_transaction(view: _View) -> _View:
    """Exempt ``view`` from ``ATOMIC_REQUESTS`` of every database, which Django does not allow for async views."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


@_in_no_transaction
@csrf_exempt  # a forged request lacks the signed token in the body
@login_not_required  # as for the socket
@require_POST
@never_cache
async def record_page_view(request: HttpRequest) -> HttpResponse:
    """Count the view in the body (a ``view`` frame), and answer with a ``counted`` or ``rejected`` frame."""
    answer = await answers.to_view(request, _reader(request))
    if answer.status == 200 and not isinstance(request, ASGIRequest):
        # Under WSGI this event loop ends with the request, so the update must have been sent to the other pages.
        await hub.get().settle()
    return _response(request, answer)


@_in_no_transaction
@csrf_exempt
@login_not_required
@require_POST
@never_cache
async def get_page_stats(request: HttpRequest) -> HttpResponse:
    """Answer ``{"tokens": [...]}`` with a ``counters`` frame, without the objects of invalid tokens."""
    return _response(request, await answers.to_tokens(request, _reader(request)))


def _reader(request: HttpRequest) -> Read:
    async def read(size: int) -> bytes:
        return request.read(size)

    return read


def _response(request: HttpRequest, answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.frame, content_type="application/json", status=answer.status)
    if answer.issued:
        secure = request.is_secure()
        response.set_cookie(ids.COOKIE_NAME, answer.issued, max_age=ids.MAX_AGE, secure=secure, samesite="Lax")
    return response
