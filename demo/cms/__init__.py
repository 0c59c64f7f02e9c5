"""A blog in Wagtail: ``python -m demo --cms``."""
