"""Real servers for the tests: one Redis for the run, found like the demo finds its own."""

from __future__ import annotations


# Before Django reads the settings: pytest-django does so while it loads its plugin, this module comes first with -p.
