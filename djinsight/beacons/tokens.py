"""Tokens: the signed right to count a view of one object, or to watch its counters.

A template tag mints a token for the object that it renders. Without a valid token, nothing that a client sends makes a
key, a row or a subscription. A token is ``scope:expires:ref:signature``, with ``expires`` in Unix seconds or empty. It
is signed with ``django.core.signing``, so ``SECRET_KEY_FALLBACKS`` keeps older pages working while a key is rotated.
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

MAX_LENGTH = 300  # characters
_SALT = "djinsight.token"


def mint(scope: Scope, ref: ObjectRef, max_age: float | None = None) -> str:
    """Return a token that grants ``scope`` on ``ref``.

    Args:
        scope: The right that is granted.
        ref: The object.
        max_age: Seconds until the token expires; None for never, as pages that are cached need it.
    """
    if max_age is None:
        return _signed(f"{scope}::{ref}")
    return _signer().sign(f"{scope}:{int(time.time() + max_age)}:{ref}")


def read(token: str, scope: Scope) -> ObjectRef:
    """Return the object on which ``token`` grants ``scope``.

    Raises:
        InvalidToken: With the reason ``token``, ``expired`` or ``scope``.
    """
    granted, expires, ref = _verified(token)
    if granted != scope:
        raise InvalidToken(Reason.SCOPE)
    if expires is not None and time.time() >= expires:
        raise InvalidToken(Reason.EXPIRED)
    if expires is None and scope == "watch" and conf.admin_only:
        # Minted for a public page, before DJINSIGHT_ADMIN_ONLY was turned on.
        raise InvalidToken(Reason.EXPIRED)
    return ref


def expiry(token: str) -> int | None:
    """Return when a token that ``read`` accepted expires (Unix seconds), None if it does not.

    Raises:
        InvalidToken: If the signature is not valid.
    """
    return _verified(token)[1]


def _signer() -> Signer:
    return Signer(salt=_SALT)


# Signing takes 20 us, and a page of fifty objects needs the same fifty tokens at each render.
@lru_cache(maxsize=8192)
def _signed(text: str) -> str:
    return _signer().sign(text)


# A page's token arrives with each of its views. Verifying it takes 25 us, looking it up 0.1 us.
# Failures raise and so are not cached, and invalid tokens cannot push valid ones out.
@lru_cache(maxsize=8192)
def _verified(token: str) -> tuple[str, int | None, ObjectRef]:
    if len(token) > MAX_LENGTH:
        raise InvalidToken(Reason.TOKEN)
    try:
        scope, expires, ref = _signer().unsign(token).split(":", 2)
        return scope, int(expires) if expires else None, ObjectRef.parse(ref)
    except (BadSignature, InvalidRef, ValueError):
        raise InvalidToken(Reason.TOKEN) from None  # the errors quote the client


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _verified.cache_clear()
        _signed.cache_clear()


setting_changed.connect(_forget)
