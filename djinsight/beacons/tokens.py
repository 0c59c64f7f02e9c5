"""Tokens: the signed right to count a view of one object, or to watch its counters.

A template tag mints a token for the object it renders; nothing that a client sends makes a key, a row or a
subscription without one. The text is ``scope:expires:ref:signature``, ``expires`` in Unix seconds or empty.
Signed with ``django.core.signing``, so ``SECRET_KEY_FALLBACKS`` keeps old pages working while a key is rotated.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, Literal

from django.core.signals import setting_changed
from django.core.signing import BadSignature, Signer

from djinsight.conf import conf
from djinsight.exceptions import InvalidRef, InvalidToken, Reason
from djinsight.tracked.refs import ObjectRef

Scope = Literal["view", "watch"]

MAX_LENGTH = 300
_SALT = "djinsight.token"


def mint(scope: Scope, ref: ObjectRef, max_age: float | None = None) -> str:
    """Sign ``scope`` on ``ref``; with ``max_age`` (seconds) the token expires. Cached pages want one that does not."""
    if max_age is None:
        return _signed(f"{scope}::{ref}")
    return _signer().sign(f"{scope}:{int(time.time() + max_age)}:{ref}")


def read(token: str, scope: Scope) -> ObjectRef:
    """The object that ``token`` grants ``scope`` on. Raises InvalidToken (``token``, ``expired`` or ``scope``)."""
    granted, expires, ref = _verified(token)
    if granted != scope:
        raise InvalidToken(Reason.SCOPE)
    if expires is not None and time.time() >= expires:
        raise InvalidToken(Reason.EXPIRED)
    if expires is None and scope == "watch" and conf.admin_only:
        # From a page that everybody could see, before the numbers became the staff's.
        raise InvalidToken(Reason.EXPIRED)
    return ref


def expiry(token: str) -> int | None:
    """When a token that could be read expires (Unix seconds), None where it does not."""
    return _verified(token)[1]


def _signer() -> Signer:
    return Signer(salt=_SALT)


# Signing costs 20 us, and a page of fifty objects wants fifty of the same tokens each time.
@lru_cache(maxsize=8192)
def _signed(text: str) -> str:
    return _signer().sign(text)


# A page's token arrives once for each of its views: the verdict costs 25 us, the look-up 0.1 us.
# Failures raise and are therefore not kept: garbage cannot push good tokens out.
@lru_cache(maxsize=8192)
def _verified(token: str) -> tuple[str, int | None, ObjectRef]:
    if len(token) > MAX_LENGTH:
        raise InvalidToken(Reason.TOKEN)
    try:
        scope, expires, ref = _signer().unsign(token).split(":", 2)
        return scope, int(expires) if expires else None, ObjectRef.parse(ref)
    except (BadSignature, InvalidRef, ValueError):
        raise InvalidToken(Reason.TOKEN) from None  # they quote the client


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _verified.cache_clear()
        _signed.cache_clear()


setting_changed.connect(_forget)
