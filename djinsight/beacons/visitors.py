"""Visitors: who is looking, decided on the server from a handshake or a request, never from a frame.

What leaves this module is a keyed hash: no raw session key, cookie or full address reaches Redis or the database.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.http import parse_cookie

from djinsight.beacons import headers
from djinsight.beacons.bots import MAX_USER_AGENT, is_crawler
from djinsight.conf import conf

COOKIE_NAME = "djinsight_visitor"
MAX_COOKIE_HEADER = 16_384  # characters; browsers and servers stop well before

_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{16,36}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Visitor:
    """One visitor: ``key`` is a keyed hash of 22 characters, ``ip_address`` truncated where IPs are anonymized."""

    key: str
    ip_address: str
    user_agent: str
    crawler: bool


def from_scope(scope: Mapping[str, Any], day: int) -> Visitor:
    """The visitor of a WebSocket handshake (an ASGI scope); ``day`` is today's number, for the daily key."""
    sent = headers.read(scope.get("headers", ()))
    client = scope.get("client")
    return identify(
        cookies=sent.get("cookie", ""),
        user_agent=sent.get("user-agent", ""),
        address=client[0] if client else "",
        day=day,
    )


def from_request(request: Any, day: int) -> Visitor:
    """The visitor of an HTTP request: the same one as of a handshake from the same browser."""
    meta = request.META
    return identify(
        cookies=meta.get("HTTP_COOKIE", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        address=meta.get("REMOTE_ADDR", ""),
        day=day,
    )


def identify(*, cookies: str, user_agent: str, address: str, day: int) -> Visitor:
    """Decide who this is, as ``DJINSIGHT_VISITOR`` says; without the cookie it asks for, as ``"anonymous"``."""
    user_agent = _UNPRINTABLE.sub("", user_agent[:MAX_USER_AGENT])
    network = truncated(address)
    stored = _stored_id(cookies, conf.visitor)
    key = _hash(f"{conf.visitor}:{stored}", "") if stored else _hash(f"{network}|{user_agent}", str(day))
    ip_address = network if conf.anonymize_ip else _address(address)
    return Visitor(key, ip_address, user_agent, is_crawler(user_agent))


def truncated(address: str) -> str:
    """The network of an address: the first 24 bits of an IPv4, 48 of an IPv6 address. ``""`` for anything else."""
    text = _address(address)
    if not text:
        return ""
    bits = 24 if "." in text else 48
    return str(ipaddress.ip_network(f"{text}/{bits}", strict=False).network_address)


def _address(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)


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
