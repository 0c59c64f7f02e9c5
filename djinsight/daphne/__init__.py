"""Our own Daphne server class. List ``djinsight.daphne`` in place of ``daphne``, and ``runserver`` uses it."""

from djinsight.daphne.server import Server

__all__ = ["Server"]
