"""ASGI: the application of the site, which is that of ``asgi_example.py`` in the root of the repository."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

from asgi_example import application

__all__ = ["application"]
