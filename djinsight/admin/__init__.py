"""The history in the Django admin: read-only, made for a log of millions of rows."""

from djinsight.admin import books, log, statistics

__all__ = ["books", "log", "statistics"]
