"""Our own Daphne server class. List ``djinsight.daphne`` in place of ``daphne``, and ``runserver`` uses it."""
