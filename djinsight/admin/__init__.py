"""The history in the Django admin: read-only, made for a log of millions of rows."""

from djinsight.admin import log, operations, statistics

__all__ = ["log", "operations", "statistics"]
