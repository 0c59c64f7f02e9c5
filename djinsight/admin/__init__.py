"""The Django admin of the history: read-only lists that stay fast with a log of millions of rows."""

from djinsight.admin import log, operations, statistics

__all__ = ["log", "operations", "statistics"]
