"""What can go wrong, as one tree.

DjinsightError
 ├── InvalidRef           a text that names no object, or an object that cannot be named
 ├── Rejected             something a client sent was refused; ``reason`` says why
 │    └── InvalidToken    the token is forged, expired or for something else
 └── CountingUnavailable  Redis did not answer, or answered with an error; or the database, where numbers come from it
      └── ForeignDataSet  what Redis has under our prefix belongs to another site
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a frame or a view was refused. The values go over the wire and are stable."""

    # the page
    ORIGIN = "origin"
    # the frame
    TOO_LARGE = "too_large"
    BINARY = "binary"
    MALFORMED = "malformed"
    UNKNOWN_TYPE = "unknown_type"
    # a field of the frame
    ID = "id"
    URL = "url"
    REFERRER = "referrer"
    # the token
    TOKEN = "token"
    EXPIRED = "expired"
    SCOPE = "scope"
    # the visitor
    BOT = "bot"
    DNT = "dnt"
    DISABLED = "disabled"
    SUBSCRIPTIONS = "subscriptions"
    # the server; the client tries again later
    BUSY = "busy"
    RATE = "rate"
    UNAVAILABLE = "unavailable"


class DjinsightError(Exception):
    """The base of all errors of this package."""


class InvalidRef(DjinsightError, ValueError):
    """A text that names no object, or an object that cannot be named (no primary key, too long)."""


class Rejected(DjinsightError):
    """Something a client sent was refused.

    ``reason`` is the typed reason, ``view_id`` the id of the refused view where the frame had a valid one.
    """

    def __init__(self, reason: Reason, view_id: str | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.view_id = view_id


class InvalidToken(Rejected):
    """The token is forged, expired, or does not have the scope that was asked of it."""


class CountingUnavailable(DjinsightError):
    """Redis did not answer in time, or answered with an error; or the database, where numbers come from it."""


class ForeignDataSet(CountingUnavailable):
    """The keys under our prefix in this Redis database belong to another site: nothing of them is read or written.

    Args:
        meta: The name of the hash that says so.
    """

    hint = (
        "Give this site a DJINSIGHT_REDIS_KEY_PREFIX or a Redis database of its own. If it is the same site with "
        "another SECRET_KEY and another database, run: python manage.py djinsight_claim"
    )

    def __init__(self, meta: str) -> None:
        super().__init__(f"the data set of {meta} in Redis belongs to another site")
        self.meta = meta
