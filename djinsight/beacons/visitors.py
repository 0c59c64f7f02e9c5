"""Visitors: who is looking, decided on the server from a handshake or a request, never from a frame.

What leaves this module is a keyed hash: no raw session key, cookie or full address reaches Redis or the database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.http import parse_cookie

from djinsight.beacons import addresses
from djinsight.beacons.bots import MAX_USER_AGENT, is_crawler
from djinsight.beacons.handshakes import Handshake
from djinsight.beacons.texts import UNPRINTABLE
from djinsight.conf import conf

COOKIE_NAME = "djinsight_visitor"
MAX_COOKIE_HEADER = 16_384  # characters; browsers and servers stop well before

_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{16,36}", re.ASCII)


class Visitor(NamedTuple):
    """One visitor: ``key`` is a keyed hash of 22 characters, ``ip_address`` truncated where IPs are anonymized.

    ``network`` is a keyed hash of the truncated address, ``""`` where there is none. ``opted_out``: asks not to be
    counted, and the site respects it.
    """

    key: str
    ip_address: str
    user_agent: str
    crawler: bool
    network: str = ""
    opted_out: bool = False


def from_scope(scope: Mapping[str, Any], day: int) -> Visitor:
    """The visitor of a WebSocket handshake (an ASGI scope); ``day`` is today's number, for the daily key."""
    return from_request(Handshake(scope), day)


def from_request(request: Any, day: int) -> Visitor:
    """The visitor of an HTTP request: the same one as of a handshake from the same browser."""
    meta = request.META
    return identify(
        cookies=meta.get("HTTP_COOKIE", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        address=addresses.of_client(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", "")),
        opted_out=opted_out(request),
        day=day,
    )


def opted_out(request: Any) -> bool:
    """Whether the browser asks not to be tracked: ``DNT: 1`` or ``Sec-GPC: 1``."""
    return "1" in (request.META.get("HTTP_DNT"), request.META.get("HTTP_SEC_GPC"))


def identify(*, cookies: str, user_agent: str, address: str, day: int, opted_out: bool = False) -> Visitor:
    """Decide who this is, as ``DJINSIGHT_VISITOR`` says; without the cookie it asks for, as ``"anonymous"``."""
    user_agent = UNPRINTABLE.sub("", user_agent[:MAX_USER_AGENT])
    network = addresses.truncated(address)
    stored = _stored_id(cookies, conf.visitor)
    key = _hash(f"{conf.visitor}:{stored}", "") if stored else _hash(f"{network}|{user_agent}", str(day))
    ip_address = network if conf.anonymize_ip else addresses.canonical(address)
    hashed = _hash(f"network:{network}", "") if network else ""
    return Visitor(key, ip_address, user_agent, is_crawler(user_agent), hashed, opted_out and conf.respect_dnt)


def _stored_id(cookies: str, kind: str) -> str:
    """The id that the browser keeps, or ``""``: of the session, or of our own cookie."""
    if kind == "anonymous" or not cookies or len(cookies) > MAX_COOKIE_HEADER:
        return ""
    # Django's own reading of the header, so that the session found here is the session the views see.
    jar = parse_cookie(cookies)
    if kind == "session":
        return jar.get(settings.SESSION_COOKIE_NAME, "")
    value = jar.get(COOKIE_NAME, "")
    return value if _COOKIE_VALUE.fullmatch(value) else ""


def _hash(text: str, day: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=11, key=_key(day)).hexdigest()


@lru_cache(maxsize=8)
def _key(day: str) -> bytes:
    """The key of the visitor hash: of the site, and for anonymous visitors of the day."""
    return hashlib.blake2b(f"djinsight.visitor|{day}|{settings.SECRET_KEY}".encode(), digest_size=32).digest()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "SECRET_KEY":
        _key.cache_clear()


setting_changed.connect(_forget)
