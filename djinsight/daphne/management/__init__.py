"""Management commands of a site that lists ``djinsight.daphne``."""
