"""Fixtures for these tests, which ``tests/site/test_libraries.py`` runs under ``tests.libraries_settings``."""

from django.apps import apps

collect_ignore_glob = [] if apps.is_installed("tests.libraries") else ["test_*.py"]
