"""The application of the site, as ``asgi_example.py`` at the root of the repository has it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

from asgi_example import application

__all__ = ["application"]
