"""Through Django: the site's HTTP without ``HTTPFallback``, so that Django answers the fallback with its views."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

from asgi_example import http

application = http

__all__ = ["application"]
