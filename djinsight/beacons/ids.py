"""First-party ids: minted and signed by the server, kept by the browser in a cookie.

An id is ``secret.signature``, with one more signature for each key in ``SECRET_KEY_FALLBACKS``. The secret has 128
bits, random or derived with a key of the site. One valid signature is enough. So a process that has only the older key
and a process that has both accept the same id, and the id stays valid when the older key is dropped. An id without a
valid signature is ignored.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from functools import lru_cache
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

COOKIE_NAME = "djinsight_visitor"
MAX_AGE = 365 * 24 * 3600  # seconds for which the browser keeps an id
MAX_SIGNATURES = 4  # with the current key and the first fallbacks

_BYTES = 16  # of the secret, and of each signature
_SHAPE = re.compile(r"([A-Za-z0-9_-]{22})((?:\.[A-Za-z0-9_-]{22}){1,4})", re.ASCII)


def mint() -> str:
    """Return a new random secret."""
    return secrets.token_urlsafe(_BYTES)


def sign(secret: str) -> str:
    """Return the id of ``secret``, signed with the current key and the fallbacks."""
    return ".".join((secret, *_signatures(secret)))


def read(text: str) -> str:
    """Return the secret of the id ``text``, ``""`` if this site did not sign it."""
    return _read(text)[0] if len(text) <= 23 * (MAX_SIGNATURES + 1) else ""


def is_current(text: str) -> bool:
    """Return whether a valid id is signed with ``SECRET_KEY`` itself, so that it outlives the fallbacks."""
    return _read(text)[1]


# A browser sends its id with each handshake. The verdict on a forged id is cached as well, so that it costs no more.
@lru_cache(maxsize=8192)
def _read(text: str) -> tuple[str, bool]:
    match = _SHAPE.fullmatch(text)
    if match is None:
        return "", False
    secret, given = match[1], match[2].split(".")[1:]
    valid = [any(compare_digest(each, one) for one in given) for each in _signatures(secret)]
    return (secret if any(valid) else ""), valid[0]


def _signatures(secret: str) -> list[str]:
    return [_encoded(hashlib.blake2b(secret.encode(), digest_size=_BYTES, key=key).digest()) for key in _keys()]


def derive(key: bytes, text: str) -> str:
    """Return the secret derived from ``text``, always the same and not to be guessed without ``key``."""
    return _encoded(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_BYTES, key=key).digest())


def site_keys() -> list[str]:
    """Return ``SECRET_KEY`` and its fallbacks, the newest first."""
    return [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(maxsize=1)
def _keys() -> list[bytes]:
    keys = site_keys()[:MAX_SIGNATURES]
    return [hashlib.blake2b(f"djinsight.id|{key}".encode(), digest_size=32).digest() for key in keys]


def _encoded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _keys.cache_clear()
        _read.cache_clear()


setting_changed.connect(_forget)
