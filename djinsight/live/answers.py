"""Answers: decide the answer to a request of the HTTP fallback, for Django's views and for ``HTTPFallback``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from django.http import HttpRequest

from djinsight import days
from djinsight.beacons import addresses, beacon, origins, tokens, visitors
from djinsight.beacons.buckets import Buckets
from djinsight.beacons.visitors import refusal
from djinsight.conf import conf
from djinsight.counting import live_numbers, refusals
from djinsight.counting.entries import View
from djinsight.exceptions import CountingUnavailable, Reason, Rejected
from djinsight.live import frames, hub
from djinsight.tracked.refs import ObjectRef

MAX_BODY = 32_768  # bytes of a request for counters, enough for 100 tokens; a view has the limit of a frame

# Reads a body: returns all of it if it has fewer bytes than asked for, else at least as many. May raise OSError.
Read = Callable[[int], Awaitable[bytes]]

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


class Answer(NamedTuple):
    """The answer to one request.

    Attributes:
        status: The HTTP status.
        frame: The body, a JSON frame.
        issued: The signed id that the browser is to keep as a cookie; ``""`` if it keeps none or has it already.
    """

    status: int
    frame: str
    issued: str = ""


async def to_view(request: HttpRequest, read: Read) -> Answer:
    """Count the view in the body (a ``view`` frame), and answer with a ``counted`` or ``rejected`` frame.

    A view that Redis refuses gets its id, too, so that the retry comes with it.

    Args:
        request: The request, or its head.
        read: Reads its body.
    """
    try:
        _check_origin(request)
        view = beacon.view(beacon.load(await _body(request, read, beacon.MAX_FRAME)))
        if not _is_within(request, _views, conf.rate_address):
            raise Rejected(Reason.RATE, view.view_id)
        visitor = visitors.from_request(request, days.now().number, view.view_id)
        refused = refusal(visitor)
        if refused is not None:
            raise Rejected(refused, view.view_id)
    except Rejected as error:
        return refusing(error)
    try:
        unique = await hub.get().recorder.record(View(view, visitor._replace(issued="") if visitor.issued else visitor))
    except Rejected as error:
        return refusing(error)._replace(issued=visitor.issued)
    return Answer(200, frames.counted(view.view_id, unique), visitor.issued)


async def to_tokens(request: HttpRequest, read: Read) -> Answer:
    """Answer ``{"tokens": [...]}`` with a ``counters`` frame, without the objects of invalid tokens.

    Args:
        request: The request, or its head.
        read: Reads its body.
    """
    try:
        _check_origin(request)
        # The network first, so that one over its own limit uses up nothing of the limit of all.
        if not _is_within(request, _stats, conf.rate_stats):
            raise Rejected(Reason.RATE)
        if not _all_stats.take("", conf.rate_stats_site, time.monotonic()):
            raise Rejected(Reason.RATE)
        listed = beacon.watched(beacon.load(await _body(request, read, MAX_BODY), MAX_BODY))
        refs = _watchable(listed)
        snapshots = await live_numbers.aread(refs)
        if refs and not snapshots:
            raise Rejected(Reason.UNAVAILABLE)
    except Rejected as error:
        return refusing(error)
    except CountingUnavailable:
        return refusing(Rejected(Reason.UNAVAILABLE))
    return Answer(200, frames.counters(map(frames.counter, snapshots.values())))


def refusing(error: Rejected) -> Answer:
    """Count a refusal, and return the answer that says its reason."""
    refusals.count(error.reason)
    frame = frames.error(error.reason) if error.view_id is None else frames.rejected(error.view_id, error.reason)
    return Answer(_STATUS.get(error.reason, 400), frame)


def forget() -> None:
    """Forget which networks have sent how many requests."""
    for each in (_views, _stats, _all_stats):
        each.clear()


def _is_within(request: HttpRequest, buckets: Buckets, rate: float | None) -> bool:
    """Return whether the client's network is within ``rate``. An unknown one is not limited, as for views in Redis."""
    if rate is None:
        return True
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


async def _body(request: HttpRequest, read: Read, limit: int) -> str:
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise Rejected(Reason.MALFORMED) from error
    if length > limit:
        raise Rejected(Reason.TOO_LARGE)
    try:
        # A chunked body has no Content-Length.
        body = await read(limit + 1)
        if len(body) > limit:
            raise Rejected(Reason.TOO_LARGE)
        return body.decode()
    except (UnicodeDecodeError, OSError) as error:
        raise Rejected(Reason.MALFORMED) from error
