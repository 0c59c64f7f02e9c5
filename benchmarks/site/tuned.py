"""The bare application again, in a Daphne that is told what ``asgi_example.py`` tells it."""

from benchmarks.site.bare import application
from djinsight.live.daphne import tune_daphne

tune_daphne()

__all__ = ["application"]
