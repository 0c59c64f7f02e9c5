"""Exceptions: the errors of the package, as one tree.

DjinsightError
 ├── InvalidRef           a string that names no object, or an object that cannot be named
 ├── Rejected             a frame or view of a client was refused; ``reason`` says why
 │    └── InvalidToken    the token is forged, expired or of another scope
 └── CountingUnavailable  Redis, or the database that a number comes from, failed or did not answer in time
      └── ForeignDataSet  the keys under the prefix of this site belong to another site
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason for which a frame or a view was refused. The values are sent to clients and are stable."""

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
    # the server; the client retries later
    BUSY = "busy"
    RATE = "rate"
    UNAVAILABLE = "unavailable"


class DjinsightError(Exception):
    """The base of all errors of this package."""


class InvalidRef(DjinsightError, ValueError):
    """A string that names no object, or an object whose key is missing, too long or of an unfit type."""


class Rejected(DjinsightError):
    """A frame or view of a client was refused.

    Args:
        reason: The typed reason.
        view_id: The id of the refused view, None if the frame had no valid one.
    """

    def __init__(self, reason: Reason, view_id: str | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.view_id = view_id


class InvalidToken(Rejected):
    """The token is forged, expired, or does not grant the scope that is needed."""


class CountingUnavailable(DjinsightError):
    """Redis, or the database that a number comes from, failed or did not answer in time."""


class ForeignDataSet(CountingUnavailable):
    """The keys under this site's prefix belong to another site, so they are not read and not written.

    Args:
        meta: The name of the hash that records the owner.
    """

    hint = (
        "Give this site a DJINSIGHT_REDIS_KEY_PREFIX or a Redis database of its own. If it is the same site with "
        "another SECRET_KEY and another database, run: python manage.py djinsight_claim"
    )

    def __init__(self, meta: str) -> None:
        super().__init__(f"the data set of {meta} in Redis belongs to another site")
        self.meta = meta
