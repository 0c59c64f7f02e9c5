"""Views: the HTTP fallback, for beacons and counters of clients whose sockets do not work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from djinsight import days
from djinsight.beacons import addresses, beacon, ids, origins, tokens, visitors
from djinsight.beacons.buckets import Buckets
from djinsight.beacons.visitors import refusal
from djinsight.conf import conf
from djinsight.counting import live_numbers, refusals
from djinsight.counting.entries import View
from djinsight.exceptions import CountingUnavailable, Reason, Rejected
from djinsight.live import frames, hub
from djinsight.tracked.refs import ObjectRef

MAX_BODY = 32_768  # bytes of a request for counters, enough for 100 tokens; a view has the limit of a frame

_STATUS = {
    Reason.ORIGIN: 403,
    Reason.TOO_LARGE: 413,
    Reason.TOKEN: 403,
    Reason.EXPIRED: 403,
    Reason.SCOPE: 403,
    Reason.BOT: 403,
    Reason.DNT: 403,
    Reason.DISABLED: 403,
    Reason.RATE: 429,
    Reason.BUSY: 503,
    Reason.UNAVAILABLE: 503,
}

# The rate limits of this process. They are checked before a request reaches Redis or the database.
_views, _stats, _all_stats = Buckets(), Buckets(), Buckets()

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
    try:
        _check_origin(request)
        view = beacon.view(beacon.load(_body(request, beacon.MAX_FRAME)))
        if not _is_within(request, _views, conf.rate_address):
            raise Rejected(Reason.RATE, view.view_id)
        visitor = visitors.from_request(request, days.now().number, view.view_id)
        refused = refusal(visitor)
        if refused is not None:
            raise Rejected(refused, view.view_id)
    except Rejected as error:
        return _refused(error)
    return _keep(await _recorded(request, View(view, visitor._replace(issued=""))), request, visitor.issued)


async def _recorded(request: HttpRequest, view: View) -> HttpResponse:
    local = hub.get()
    try:
        unique = await local.recorder.record(view)
    except Rejected as error:
        return _refused(error)
    if not isinstance(request, ASGIRequest):
        # Under WSGI this event loop ends with the request, so the update must have been sent to the other pages.
        await local.settle()
    return _json(frames.counted(view.beacon.view_id, unique))


def _keep(response: HttpResponse, request: HttpRequest, issued: str) -> HttpResponse:
    """Set the cookie of a new id, also on refused views, so that the retry comes with the id."""
    if issued:
        secure = request.is_secure()
        response.set_cookie(ids.COOKIE_NAME, issued, max_age=ids.MAX_AGE, secure=secure, samesite="Lax")
    return response


@_in_no_transaction
@csrf_exempt
@login_not_required
@require_POST
@never_cache
async def get_page_stats(request: HttpRequest) -> HttpResponse:
    """Answer ``{"tokens": [...]}`` with a ``counters`` frame, without the objects of invalid tokens."""
    try:
        _check_origin(request)
        # The network first, so that one over its own limit uses up nothing of the limit of all.
        if not _is_within(request, _stats, conf.rate_stats):
            raise Rejected(Reason.RATE)
        if not _all_stats.take("", conf.rate_stats_site, time.monotonic()):
            raise Rejected(Reason.RATE)
        listed = beacon.watched(beacon.load(_body(request, MAX_BODY), MAX_BODY))
        refs = _watchable(listed)
        snapshots = await live_numbers.aread(refs)
        if refs and not snapshots:
            raise Rejected(Reason.UNAVAILABLE)
    except Rejected as error:
        return _refused(error)
    except CountingUnavailable:
        return _refused(Rejected(Reason.UNAVAILABLE))
    return _json(frames.counters(map(frames.counter, snapshots.values())))


def _is_within(request: HttpRequest, buckets: Buckets, rate: float | None) -> bool:
    """Return whether the client's network is within ``rate``. An unknown one is not limited, as for views in Redis."""
    network = addresses.truncated(visitors.address_of(request))
    return not network or buckets.take(network, rate, time.monotonic())


def _check_origin(request: HttpRequest) -> None:
    if not origins.permitted(request):
        raise Rejected(Reason.ORIGIN)


def _watchable(listed: list[str]) -> list[ObjectRef]:
    refs = []
    for token in listed:
        try:
            refs.append(tokens.read(token, "watch"))
        except Rejected as error:
            refusals.count(error.reason)
    return refs


def _body(request: HttpRequest, limit: int) -> str:
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise Rejected(Reason.MALFORMED) from error
    if length > limit:
        raise Rejected(Reason.TOO_LARGE)
    try:
        # A chunked body has no Content-Length.
        body = request.read(limit + 1)
        if len(body) > limit:
            raise Rejected(Reason.TOO_LARGE)
        return body.decode()
    except (UnicodeDecodeError, OSError) as error:
        raise Rejected(Reason.MALFORMED) from error


def _refused(error: Rejected) -> HttpResponse:
    refusals.count(error.reason)
    frame = frames.error(error.reason) if error.view_id is None else frames.rejected(error.view_id, error.reason)
    return _json(frame, _STATUS.get(error.reason, 400))


def _json(frame: str, status: int = 200) -> HttpResponse:
    return HttpResponse(frame, content_type="application/json", status=status)
