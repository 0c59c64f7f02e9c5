"""Blog: pages in Wagtail, with ``python -m demo --cms``."""
