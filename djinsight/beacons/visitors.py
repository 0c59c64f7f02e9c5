"""Visitors: identify the visitor of a handshake or a request, on the server.

Only a hash leaves this module: no raw session key, cookie or full address reaches Redis or the database. The hash of a
session or an anonymous visitor is keyed with the oldest key of the site, so that processes agree while a key is
rotated. The hash of a first-party id needs no key, as its 128 bits cannot be guessed, so it outlives every rotation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.http import parse_cookie

from djinsight.beacons import addresses, ids
from djinsight.beacons.beacon import MAX_USER_AGENT
from djinsight.beacons.bots import is_crawler
from djinsight.beacons.handshakes import Handshake
from djinsight.beacons.unprintable import UNPRINTABLE
from djinsight.conf import conf
from djinsight.exceptions import Reason

KEEPS_NONE = "keep=0"  # in the query string: the browser keeps no cookies of this page
MAX_COOKIE_HEADER = 16_384  # characters; the limits of browsers and servers are well below


class Visitor(NamedTuple):
    """One visitor, with what is kept of the handshake or request.

    Attributes:
        key: A hash of 22 characters.
        ip_address: The address, truncated to its network if ``DJINSIGHT_ANONYMIZE_IP`` is on; ``""`` if not known.
        user_agent: At most 512 printable characters.
        crawler: True if the user agent is a crawler's.
        network: A keyed hash of the truncated address, ``""`` if there is none.
        opted_out: True if the browser asks not to be tracked and the site respects that.
        issued: The signed id that the browser is to keep; ``""`` if it keeps none or has it already.
    """

    key: str
    ip_address: str
    user_agent: str
    crawler: bool
    network: str = ""
    opted_out: bool = False
    issued: str = ""


def from_scope(scope: MutableMapping[str, Any], day: int, view_id: str = "") -> Visitor:
    """Return the visitor of a WebSocket handshake.

    Args:
        scope: The ASGI scope of the connection.
        day: The number of today, for the daily key of anonymous visitors.
        view_id: The id of the first view. A browser without an id gets the same one with each retry of that view.
    """
    return from_request(Handshake.of(scope), day, view_id)


def from_request(request: Any, day: int, view_id: str = "") -> Visitor:
    """Return the visitor of an HTTP request, equal to that of a handshake of the same browser.

    Args:
        request: The request, or a ``Handshake``.
        day: The number of today, for the daily key of anonymous visitors.
        view_id: The id of the view that comes with the request, ``""`` if there is none.
    """
    meta = request.META
    return identify(
        cookies=meta.get("HTTP_COOKIE", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        address=address_of(request),
        opted_out=opted_out(request),
        day=day,
        keeps=KEEPS_NONE not in meta.get("QUERY_STRING", ""),
        view_id=view_id,
    )


def address_of(request: Any) -> str:
    """Return the client's address, ``""`` if it is not known."""
    meta = request.META
    return addresses.of_client(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""))


def opted_out(request: Any) -> bool:
    """Return whether the browser asks not to be tracked, with ``DNT: 1`` or ``Sec-GPC: 1``."""
    return "1" in (request.META.get("HTTP_DNT"), request.META.get("HTTP_SEC_GPC"))


def identify(
    *,
    cookies: str,
    user_agent: str,
    address: str,
    day: int,
    opted_out: bool = False,
    keeps: bool = True,
    view_id: str = "",
) -> Visitor:
    """Identify a visitor as ``DJINSIGHT_VISITOR`` says, or as ``"anonymous"`` if there is nothing to read.

    Args:
        cookies: The header Cookie.
        user_agent: The header User-Agent.
        address: The client's address; an anonymous visitor is identified by its network.
        day: The number of today, for the daily key of anonymous visitors.
        opted_out: True if the browser asks not to be tracked.
        keeps: False if the page has found that the browser keeps no cookies.
        view_id: The id of the view that comes along, ``""`` if there is none.
    """
    secret, issued = _kept(cookies, keeps, view_id)
    visitor = _anonymous(user_agent, address, day, opted_out and conf.respect_dnt)
    if not secret or visitor.crawler or visitor.opted_out:
        return visitor
    return visitor._replace(key=_of_secret(secret), issued=issued)


def of_the_past(*, session_key: str, user_agent: str, address: str, day: int) -> Visitor:
    """Return the visitor of a view that another program recorded, by its session if there is one, else anonymous."""
    visitor = _anonymous(user_agent, address, day, opted_out=False)
    return visitor._replace(key=of_session(session_key)) if session_key and conf.visitor != "anonymous" else visitor


def of_session(session_key: str) -> str:
    """Return the key of a visitor with this session and without a first-party id."""
    return _of_secret(_secret_of(session_key))


def _anonymous(user_agent: str, address: str, day: int, opted_out: bool) -> Visitor:
    user_agent = UNPRINTABLE.sub("", user_agent[:MAX_USER_AGENT])
    network = addresses.truncated(address)
    ip_address = network if conf.anonymize_ip else addresses.canonical(address)
    hashed = _hash(f"network:{network}", "") if network else ""
    key = _hash(f"{network}|{user_agent}", str(day))
    return Visitor(key, ip_address, user_agent, is_crawler(user_agent), hashed, opted_out)


def _kept(cookies: str, keeps: bool, view_id: str) -> tuple[str, str]:
    """Return the secret that identifies this browser, and the signed id that it is to keep.

    Both are ``""`` for an anonymous visitor. If the header is too long to be read it may hold an id, so none is minted.
    """
    mode = conf.visitor
    if mode == "anonymous" or len(cookies) > MAX_COOKIE_HEADER:
        return "", ""
    # Parsed as Django does, so that this session is the one that the site's views see.
    jar = parse_cookie(cookies) if cookies else {}
    if not _consented(jar):
        return "", ""
    session_key = jar.get(settings.SESSION_COOKIE_NAME, "")
    own = jar.get(ids.COOKIE_NAME, "")
    secret = ids.read(own) if own else ""
    if mode == "session":
        return (_secret_of(session_key) if session_key else secret), ""
    if secret:
        return secret, "" if ids.is_current(own) else ids.sign(secret)
    # If there is a session the id is derived from it. So two pages that open at once get the same one, and so does a
    # browser that has the session and does not keep the id.
    if session_key:
        secret = _secret_of(session_key)
    elif keeps:
        # Derived from the view, so that its retry gets the same id if the answer is lost, and the id with it.
        secret = ids.derive(_key("view"), view_id) if view_id else ids.mint()
    return secret, ids.sign(secret) if keeps else ""


def _consented(jar: Mapping[str, str]) -> bool:
    """Return whether cookies may be read; if ``DJINSIGHT_CONSENT_COOKIE`` names one, it must be there."""
    name, _, value = conf.consent_cookie.partition("=")
    if not name:
        return True
    given = jar.get(name, "")
    return given == value if value else given != ""


def _secret_of(session_key: str) -> str:
    return ids.derive(_key("session"), session_key)


def _of_secret(secret: str) -> str:
    return hashlib.blake2b(secret.encode(), digest_size=11, person=b"djinsight").hexdigest()


def _hash(text: str, day: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=11, key=_key(day)).hexdigest()


@lru_cache(maxsize=8)
def _key(purpose: str) -> bytes:
    """Return the site's key for hashes of one purpose; for anonymous visitors the purpose is a day."""
    return hashlib.blake2b(f"djinsight.visitor|{purpose}|{ids.site_keys()[-1]}".encode(), digest_size=32).digest()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _key.cache_clear()


setting_changed.connect(_forget)


def refusal(visitor: Visitor) -> Reason | None:
    """Return why views of ``visitor`` are refused, or None if they count."""
    if not conf.enable_tracking:
        return Reason.DISABLED
    if visitor.crawler:
        return Reason.BOT
    return Reason.DNT if visitor.opted_out else None
